/** The only place that looks at the environment: where servers are kept, how tools are run. */
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** Where installed servers are kept, for every checkout of this user. */
export function cacheFolder(): string {
  const base = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(base, 'mosaic-cluster', 'servers');
}

/** The folders that commands are looked for in. */
export function searchPath(): string[] {
  return (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
}

/** This process's environment with additions. */
export function environmentWith(more: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...process.env, ...more };
}
