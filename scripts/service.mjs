// Builds one of the cluster's services and starts it in this process; its settings come from the
// environment.
//
//   npm run -s service -- gateway|outbox|inbox|encryption [--help | --version]
import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SERVICES = ['gateway', 'outbox', 'inbox', 'encryption'];
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const [service] = process.argv.splice(2, 1);
if (!SERVICES.includes(service)) {
  const what = service === undefined ? 'Say which service' : `There is no service "${service}"`;
  console.error(`${what}: npm run -s service -- ${SERVICES.join('|')} [--help | --version]`);
  process.exit(2);
}
const tsc = join(root, 'node_modules', '.bin', 'tsc');
const built = spawnSync(tsc, ['-b', `services/${service}`], { cwd: root, stdio: 'inherit' });
if (built.status !== 0) process.exit(1);
await import(`../services/${service}/dist/main.js`);
