// The cluster that the dashboards are drawn of: everything that a panel can show is switched on in it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startLocalCluster } from '../../deploy/local-cluster/dist/index.js';
import { makeTestCertificate } from '../../libs/test-servers/dist/index.js';
import { HONEST_ADDRESS } from './strangers.mjs';

const ADMIN = fileURLToPath(new URL('../../services/admin/bin/mosaic-admin.js', import.meta.url));
const REDIS_BYTES_MAX = 64 * 1024 * 1024;
/** Days until the certificate of NATS ends. */
const CERTIFICATE_DAYS = 90;

/** Decides by what the payload begins with; "slow" it answers too late. */
const HOOK = `import { createInterface } from 'node:readline';
for await (const line of createInterface({ input: process.stdin })) {
  const { id, payload } = JSON.parse(line);
  const [word] = Buffer.from(payload ?? '', 'base64').toString().split(' ');
  const action = { spam: 'reject', odd: 'hold' }[word] ?? 'accept';
  setTimeout(() => process.stdout.write(JSON.stringify({ id, action }) + '\\n'), word === 'slow' ? 900 : 0);
}`;

/** Small ones, so that strangers of modest means meet them. */
const STRANGERS_BUDGETS = [
  'connects=4/s:20',
  'connections=4',
  'messages=5/s:20',
  'bytes=64KiB/s:2MiB',
  'submissions=1/s:10',
  'query=20/s:100',
  'subscriptions=5',
].map((budget) => budget.replace('=', '.address.anonymous='));

/**
 * Starts it.
 *
 * @param more `certificateDays`, and settings besides: `gatewaySettings`, `workerSettings`
 */
export async function startStage(dataDir, more = {}) {
  const program = join(dataDir, 'policy.mjs');
  await writeFile(program, HOOK);
  const cluster = await startLocalCluster({
    dataDir,
    report: () => {},
    natsCertificate: makeTestCertificate({ validDays: more.certificateDays ?? CERTIFICATE_DAYS }),
    gatewaySettings: {
      MOSAIC_ALLOWED: HONEST_ADDRESS,
      MOSAIC_BUDGETS: STRANGERS_BUDGETS.join(', '),
      MOSAIC_BAN_FIRST: '5s',
      MOSAIC_BAN_LONGEST: '10s',
      ...more.gatewaySettings,
    },
    workerSettings: {
      MOSAIC_ADMISSION: 'registered',
      MOSAIC_ACCEPT: 'bytes=16KiB, tags=20, outbox.kinds=!99, encryption.kinds=99',
      MOSAIC_BUDGETS: 'submissions.author.anonymous=1/s:5',
      MOSAIC_POLICY_HOOK: `${process.execPath} ${program}`,
      MOSAIC_POLICY_HOOK_TIMEOUT: '500ms',
      MOSAIC_POLICY_HOOK_DEFAULT: 'accept',
      ...more.workerSettings,
    },
    inboxSettings: { MOSAIC_MODERATION: 'hold-strangers' },
  });
  await limitRedis(cluster, REDIS_BYTES_MAX);
  return cluster;
}

/** Gives every Redis server so much memory. */
export async function limitRedis(cluster, bytesMax) {
  for (const node of cluster.servers.redis.nodes) {
    await node.command(`CONFIG SET maxmemory ${bytesMax}`);
  }
}

/** Runs `mosaic-admin` on a cluster. */
export async function admin(cluster, ...args) {
  const { settings } = cluster.workers[0].spec;
  const env = { PATH: process.env.PATH, ...settings };
  const child = spawn(process.execPath, [ADMIN, ...args], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`mosaic-admin ${args.join(' ')} failed with ${code}`);
}
