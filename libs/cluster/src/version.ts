/** The version of the cluster's services, which all have the same. */
import { readFileSync } from 'node:fs';

function read(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

/** Such as `0.1.0`. */
export const VERSION: string = read();
