/**
 * A Redis server that keeps its data and comes back without its last writes, as one does after a power
 * cut, or whose replica takes over. What was acknowledged must not be missed without a word.
 */
import { readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RecordIndex } from './record-index.ts';
import { additionOf, present } from './record-index-fixture.ts';
import { createRedisIndex } from './record-index-redis.ts';
import { expectWhole } from './record-index-redis-contract.ts';
import { openRedis, type RedisConnection } from './redis-connection.ts';

const PATIENT = { timeout: 60_000 } as const;
const SOON = { timeout: 20_000 } as const;
const OWNER = { owner: 'a', leaseMs: 60_000 } as const;
const additions = Array.from({ length: 12 }, (_, n) =>
  additionOf({ timestamp: n, author: n, nonce: n, tags: [n] }),
);
const early = additions.slice(0, 6);
const late = additions.slice(6);

let server: RedisServer;
let connection: RedisConnection;
let index: RecordIndex;
beforeEach(async () => {
  server = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
  connection = await openRedis({ urls: [server.url] });
  index = createRedisIndex({ connection, name: 'outbox' });
}, 60_000);
afterEach(async () => {
  await connection.close();
  await server.stop();
});

async function written(): Promise<{ file: string; bytes: number }> {
  const folder = join(server.folder, 'appendonlydir');
  const name = present((await readdir(folder)).find((each) => each.includes('.incr.')));
  const file = join(folder, name);
  return { file, bytes: (await stat(file)).size };
}

/** Ends the server without a warning; it comes back with what it had written up to there. */
async function loseWhatFollows({ file, bytes }: { file: string; bytes: number }): Promise<void> {
  await server.kill();
  await truncate(file, bytes);
  await server.restart();
  await expect.poll(async () => index.count().catch(() => -1), SOON).toBeGreaterThanOrEqual(0);
}

describe('record index on a Redis that comes back without its last writes', PATIENT, () => {
  it('is not remembered as it was before by those who had read more', async () => {
    const ids = early.map(({ record }) => record.id);
    const other = createRedisIndex({ connection, name: 'outbox' });
    const found = async (): Promise<boolean[]> =>
      (await index.lookup(ids)).map((entry) => entry !== undefined);
    await index.markWhole(Uint8Array.of(1));
    await index.add(early);
    const before = await written();
    await other.remove(early.slice(0, 1));
    expect(await found()).toEqual([false, true, true, true, true, true]);
    await loseWhatFollows(before);
    // As many removals as had been before; what was read after that one would hold, were they counted.
    await other.remove(early.slice(1, 2));
    expect(await found()).toEqual([true, false, true, true, true, true]);
  });

  it('is not whole, and says from where on', async () => {
    await index.markWhole(Uint8Array.of(1));
    await index.add(early, Uint8Array.of(5));
    const before = await written();
    await index.add(late, Uint8Array.of(9));
    await loseWhatFollows(before);
    // Nobody has noticed yet, and a process that knows nothing of what was there goes on.
    const other = createRedisIndex({ connection, name: 'outbox' });
    await other.add([], Uint8Array.of(12));
    expect(await expectWhole(other, additions)).toEqual(early);
    expect(await other.appliedTo()).toBeUndefined();
    expect(await index.appliedTo()).toBeUndefined();

    const claim = present(await other.claimRebuild(OWNER));
    expect([1, 5]).toContain(present(claim.from)[0]);
    await other.restore(late);
    await claim.finish(Uint8Array.of(12));
    expect(await index.appliedTo()).toEqual(Uint8Array.of(12));
    expect(await expectWhole(index, additions)).toEqual(additions);
  });

  it('begins a rebuild again that had done what is lost', async () => {
    await index.markWhole(Uint8Array.of(1));
    await loseWhatFollows(await written());
    const first = present(await index.claimRebuild(OWNER));
    await first.note('part 1', Uint8Array.of());
    await loseWhatFollows(await written());
    await expect(first.renew()).rejects.toMatchObject({ code: 'rebuild-lost' });
    await expect(first.finish(Uint8Array.of(2))).rejects.toMatchObject({ code: 'rebuild-lost' });
    expect(await index.appliedTo()).toBeUndefined();
    const second = present(await index.claimRebuild(OWNER));
    expect([...second.notes]).toEqual([]);
    expect(second.from).toEqual(Uint8Array.of(1));
    await second.finish(Uint8Array.of(2));
    expect(await index.appliedTo()).toEqual(Uint8Array.of(2));
  });

  it('goes on with a rebuild where the server stayed the same', async () => {
    await index.markWhole(Uint8Array.of(1));
    await loseWhatFollows(await written());
    const first = present(await index.claimRebuild(OWNER));
    await first.note('part 1', Uint8Array.of(7));
    await first.release();
    const second = present(await index.claimRebuild({ ...OWNER, owner: 'b' }));
    expect([...second.notes]).toEqual([['part 1', Uint8Array.of(7)]]);
    expect(second.from).toEqual(Uint8Array.of(1));
  });
});
