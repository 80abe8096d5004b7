#!/usr/bin/env node
// Starts the built command; on a clone that was never built it says how to build instead.
import { existsSync } from 'node:fs';

const main = new URL('../dist/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write(
    'error: mosaic-admin is not built yet; run "npm ci && npm run build" in the project first\n',
  );
  process.exitCode = 3;
}
