/** Where the worker's script is: beside this file when built, in `dist` when run from source. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MosaicError } from '@mosaic-cluster/protocol';

/** Whether this code runs from TypeScript, through a test runner's loader. */
export const RUNS_FROM_SOURCE: boolean = import.meta.url.endsWith('.ts');

/** @throws MosaicError `unavailable` with code `verifier-not-built` where the script is missing */
export function defaultWorkerUrl(): URL {
  const path = RUNS_FROM_SOURCE ? '../dist/verify-worker.js' : './verify-worker.js';
  const url = new URL(path, import.meta.url);
  if (existsSync(url)) return url;
  throw new MosaicError(
    'unavailable',
    'verifier-not-built',
    `the verifier's worker script ${fileURLToPath(url)} is missing: build the packages first ` +
      '(npm run build), or pass workerUrl where they are bundled',
  );
}
