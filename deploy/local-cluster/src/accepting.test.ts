/** What an operator accepts, in workers that are processes of their own, met through two gateways. Needs a build. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, isResultError, type MosaicClient } from '@mosaic-cluster/client';
import {
  buildRecord,
  generateSecretKey,
  hexDecode,
  KNOWN_KINDS,
  type RecordInput,
  resultName,
  type SecretKey,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LocalCluster, startLocalCluster } from './local-cluster.ts';

const HOOK = `import { createInterface } from 'node:readline';
for await (const line of createInterface({ input: process.stdin })) {
  const { id, payload } = JSON.parse(line);
  const isWanted = Buffer.from(payload ?? '', 'base64').toString() !== 'spam';
  process.stdout.write(JSON.stringify({ id, action: isWanted ? 'accept' : 'reject' }) + '\\n');
}`;
const BUDGET = 6;

let dataDir: string;
let cluster: LocalCluster;
let clients: MosaicClient[] = [];
beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mosaic-accepting-'));
  const program = join(dataDir, 'policy.mjs');
  await writeFile(program, HOOK);
  const workerSettings = {
    MOSAIC_ACCEPT: 'outbox.bytes=1KiB',
    MOSAIC_BUDGETS: `submissions.author.*=1/d:${BUDGET}`,
    MOSAIC_POLICY_HOOK: `${process.execPath} ${program}`,
    MOSAIC_POLICY_HOOK_TIMEOUT: '15s',
  };
  cluster = await startLocalCluster({ dataDir, workerSettings, report: () => {} });
  clients = await Promise.all(
    cluster.urls.map(({ mtlsUrl, serverKeyHex }) =>
      connect({
        url: mtlsUrl!,
        serverKey: hexDecode(serverKeyHex!),
        // What is refused for now shall be seen here.
        retry: { attemptsMax: 1 },
      }),
    ),
  );
}, 120_000);
afterAll(async () => {
  for (const client of clients) await client.close();
  await cluster?.close();
  await rm(dataDir, { recursive: true, force: true });
}, 60_000);

let records = 0;

/** What a record is answered. */
async function fate(
  gateway: number,
  secretKey: SecretKey,
  input: Partial<RecordInput> = {},
): Promise<string> {
  records += 1;
  const record = buildRecord({
    kind: KNOWN_KINDS['microblog-root'],
    timestamp: timestampFromMillis(Date.now()) + BigInt(records),
    secretKey,
    ...input,
  });
  try {
    return String((await clients[gateway]!.publish(record)).resultName);
  } catch (error) {
    if (isResultError(error)) return String(resultName(error.result));
    throw error;
  }
}

it('rules and hook decide, whichever worker is asked', async () => {
  const author = generateSecretKey();
  for (const gateway of [0, 1]) {
    expect(await fate(gateway, author, { payload: new Uint8Array(1000) })).toBe('TOO_LARGE');
    expect(await fate(gateway, author, { payload: Buffer.from('spam') })).toBe('UNAUTHORIZED');
    expect(await fate(gateway, author, { payload: Buffer.from('hello') })).toBe('ACCEPTED');
  }
});

it("an author's budget is one for all workers", async () => {
  const author = generateSecretKey();
  const taken: string[] = [];
  const one = async (): Promise<string> => {
    taken.push(await fate(taken.length % 2, author));
    return taken.at(-1)!;
  };
  await expect.poll(one, { timeout: 30_000, interval: 100 }).toBe('TOO_FAST');
  const accepted = taken.filter((each) => each === 'ACCEPTED').length;
  expect(accepted).toBeGreaterThanOrEqual(BUDGET);
  expect(accepted).toBeLessThanOrEqual(BUDGET + 2);
});
