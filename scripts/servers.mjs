// Installs the real servers that tests run against (NATS, Redis, an S3 server), where they are
// missing, and prints which ones will be used. Installed ones are kept in the user's cache folder
// (~/.cache/mosaic-cluster/servers, or below XDG_CACHE_HOME); one that is on PATH is taken as it is.
//
//   node scripts/servers.mjs
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const tsc = join(root, 'node_modules', '.bin', 'tsc');
const built = spawnSync(tsc, ['-b', 'libs/test-servers'], { cwd: root, stdio: 'inherit' });
if (built.status !== 0) process.exit(1);

const { findServer, SERVER_NAMES, serverVersion } = await import(
  '../libs/test-servers/dist/index.js'
);
for (const name of SERVER_NAMES) {
  try {
    const { path } = await findServer(name, (line) => console.log(line));
    console.log(`${name}: ${await serverVersion(name)} (${path})`);
  } catch (error) {
    console.log(error.message);
    if (error.cause !== undefined) console.log(error.cause.message);
    process.exitCode = 1;
  }
}
