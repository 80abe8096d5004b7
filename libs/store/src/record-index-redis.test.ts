/** The index on one Redis server: the contract, crashes between steps, races, lost memory. */
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { IndexAddition, RebuildClaim, RecordIndex } from './record-index.ts';
import { describeRecordIndex } from './record-index-contract.ts';
import { additionOf, keyNumber, present } from './record-index-fixture.ts';
import { createRedisIndex, type IndexMove } from './record-index-redis.ts';
import { expectWhole, failingAt, pausedAt } from './record-index-redis-contract.ts';
import { openRedis, type RedisConnection, redisScript } from './redis-connection.ts';

const KEYS = redisScript("return redis.call('KEYS', '*')");
const STATS = redisScript("return redis.call('INFO', 'commandstats')");

let server: RedisServer;
let connection: RedisConnection;
beforeAll(async () => {
  server = await startRedis();
  connection = await openRedis({ urls: [server.url] });
}, 120_000);
afterAll(async () => {
  await connection.close();
  await server.stop();
});

let opened = 0;
describeRecordIndex(
  'Redis',
  async () => {
    const name = `outbox-${opened++}`;
    const index = createRedisIndex({ connection, name });
    return {
      index,
      reopen: async () => {
        await index.close();
        return createRedisIndex({ connection, name });
      },
      destroy: async () => {
        await server.command('FLUSHALL');
      },
    };
  },
  15,
);

describe('record index on Redis', () => {
  let index: RecordIndex;
  beforeEach(() => {
    index = createRedisIndex({ connection, name: 'outbox' });
  });
  afterEach(async () => {
    await server.command('FLUSHALL');
  });

  const many = (count: number): IndexAddition[] =>
    Array.from({ length: count }, (_, n) =>
      additionOf(
        { timestamp: (n * 617) % 1_000, author: n % 3, signer: n % 4, nonce: n, tags: [n % 12] },
        { receivedAt: BigInt(n % 97) },
      ),
    );
  const keys = async (): Promise<string[]> => {
    const call = { script: KEYS, key: Buffer.from('a'), args: [] };
    const [found] = (await connection.run([call])) as [Buffer[]];
    return found.map(String);
  };

  it('leaves nothing behind of what was removed', async () => {
    const additions = many(1_500).map((each, n) =>
      n % 5 === 0 ? additionOf({ timestamp: n, kind: 1, nonce: n, tags: [n % 12] }) : each,
    );
    for (let n = 0; n < 1_500; n += 250) await index.add(additions.slice(n, n + 250));
    additions.sort((a, b) => present(a.record.bytes[20]) - present(b.record.bytes[20]));
    for (let n = 0; n < 1_500; n += 130) await index.remove(additions.slice(n, n + 130));
    expect(await index.count()).toBe(0);
    // What is left says how many records there are, and how many were removed.
    for (const key of await keys()) expect(key).toMatch(/^mosaic:\{outbox\.[0-9a-f]{2}\}s$/);
  });

  it('says of records where they are now, unless they changed meanwhile', async () => {
    const at = (n: number): Uint8Array => Uint8Array.of(n, n, n);
    const specs = [0, 1, 2, 3].map((nonce) => ({ timestamp: 100 + nonce, nonce }));
    const unique = specs.map((spec, n) =>
      additionOf({ ...spec, kind: 0 }, { location: at(n), held: n === 1 }),
    );
    const versions = specs.map((spec) =>
      additionOf({ ...spec, kind: 1, nonce: 9 }, { location: at(spec.nonce) }),
    );
    await index.add(unique);
    await index.add([present(versions[0])]);
    const all = [...unique, present(versions[0])];
    const ids = all.map(({ record }) => record.id);
    // Remembered from now on.
    await index.lookup(ids);
    await index.remove([present(unique[2])]);
    const moves = all.map(({ record, location }) => ({ record, from: location, to: at(50) }));
    const wrong = { ...present(moves[3]), from: at(9) };
    const relocate = (some: readonly IndexMove[]): Promise<number> =>
      createRedisIndex({ connection, name: 'outbox' }).relocate(some);
    expect(await relocate([...moves.slice(0, 3), wrong, present(moves[4])])).toBe(3);
    expect(await relocate(moves.slice(0, 3))).toBe(0);
    const found = await index.lookup(ids);
    expect(found.map((entry) => entry?.location[0])).toEqual([50, 50, undefined, 3, 50]);
    expect(found.map((entry) => entry?.held)).toEqual([false, true, undefined, false, false]);
    // What was replaced does not come back.
    const [old, newer] = versions as [IndexAddition, IndexAddition];
    expect(await index.add([{ ...newer, replaces: old }])).toEqual(['added']);
    expect(await relocate([{ record: old.record, from: at(50), to: at(60) }])).toBe(0);
    await index.remove([...unique, newer]);
    expect(await expectWhole(index, [...unique, old, newer])).toEqual([]);
  });

  it('keeps the indexes of roles apart', async () => {
    const inbox = createRedisIndex({ connection, name: 'inbox' });
    await index.add([additionOf({})], Uint8Array.of(1));
    expect(await inbox.count()).toBe(0);
    expect(await inbox.appliedTo()).toBeUndefined();
    expect(() => createRedisIndex({ connection, name: 'In{box' })).toThrow(/lower-case/);
  });

  it('tells records apart whose IDs begin alike', async () => {
    const one = additionOf({ author: 1, tags: [1] });
    const other = additionOf({ author: 2, tags: [2] }, { location: Uint8Array.of(7) });
    other.record.bytes.set(one.record.bytes.subarray(8, 16), 8);
    const both = [one, other];
    expect(await index.add(both)).toEqual(['added', 'added']);
    const looked = await index.lookup(both.map(({ record }) => record.id));
    expect(looked.map((entry) => entry?.location.length)).toEqual([3, 1]);
    expect(await index.add([other])).toEqual(['duplicate']);
    await index.remove([one]);
    const left = await index.lookup(both.map(({ record }) => record.id));
    expect(left.map((entry) => entry?.location.length)).toEqual([undefined, 1]);
    const wrong = Uint8Array.from(other.record.id);
    wrong[47]! ^= 1;
    expect(await index.lookup([wrong])).toEqual([undefined]);
  });

  it('follows the rows of many paths together', async () => {
    const authors = Array.from({ length: 40 }, (_, n) => n);
    const additions = authors.flatMap((author) =>
      [1, 2, 3].map((nonce) => additionOf({ author, timestamp: author * 1_000 + nonce, nonce })),
    );
    await index.add(additions);
    const scripts = async (): Promise<number> => {
      const [stats] = await connection.run([{ script: STATS, key: Buffer.from('a'), args: [] }]);
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(String(stats))?.[1]);
    };
    await scripts();
    const before = await scripts();
    const found = await Promise.all(
      authors.map((author) =>
        index.scan({ path: 'author', author: keyNumber(author) }, { limit: 3 }),
      ),
    );
    expect(found.map((entries) => entries.length)).toEqual(authors.map(() => 3));
    // One for the rows of each path, and one for all entries: they are of one time, in one shard.
    // One more asks for the number.
    expect((await scripts()) - before).toBe(authors.length + 1 + 1);
  });

  it('has one position for all writers, which each of them moves on', async () => {
    const other = createRedisIndex({ connection, name: 'outbox' });
    await index.markWhole(Uint8Array.of(1));
    await index.add([], Uint8Array.of(5));
    await other.add([], Uint8Array.of(3));
    expect(await other.appliedTo()).toEqual(Uint8Array.of(5));
    await other.add([], Uint8Array.of(7));
    expect(await index.appliedTo()).toEqual(Uint8Array.of(7));
  });

  it('gives the same answers after Redis was emptied and the records were added again', async () => {
    const additions = many(400);
    const answers = async (): Promise<unknown> => {
      const scans = [
        index.scan({ path: 'all' }, { limit: 1_000 }),
        index.scan({ path: 'received' }, { limit: 1_000 }),
        index.scan({ path: 'author', author: keyNumber(1) }, { limit: 1_000 }),
      ];
      const entries = (await Promise.all(scans)).flat();
      return entries.map(({ position, location, held }) => ({ position, location, held }));
    };
    await index.add(additions, Uint8Array.of(9));
    const before = await answers();
    await server.command('FLUSHALL');
    expect(await answers()).toEqual([]);
    await index.add(additions.toReversed());
    expect(await answers()).toEqual(before);
    await expectWhole(index, additions);
  });

  it('is not whole after Redis was emptied, whatever is added, until it is rebuilt', async () => {
    let losses = 0;
    const writer = createRedisIndex({ connection, name: 'outbox', onLoss: () => losses++ });
    await writer.markWhole(undefined);
    await writer.add([additionOf({ timestamp: 1 })], Uint8Array.of(5));
    await server.command('FLUSHALL');
    await writer.add([additionOf({ timestamp: 2 })], Uint8Array.of(6));
    await writer.add([additionOf({ timestamp: 3 })], Uint8Array.of(7));
    expect(losses).toBe(1);
    expect(await writer.appliedTo()).toBeUndefined();
    await createRedisIndex({ connection, name: 'outbox' }).markWhole(Uint8Array.of(7));
    await writer.add([], Uint8Array.of(8));
    expect(await writer.appliedTo()).toEqual(Uint8Array.of(8));
  });

  it('is not whole after Redis lost its last writes, and says from where on', async () => {
    const other = createRedisIndex({ connection, name: 'outbox' });
    await index.markWhole(Uint8Array.of(1));
    await index.add([], Uint8Array.of(9));
    // What a replica has that became the master before it got everything.
    await server.command('HSET mosaic:{outbox}state to "\\x04"');
    await index.add([], Uint8Array.of(10));
    expect(await index.appliedTo()).toBeUndefined();
    await other.add([], Uint8Array.of(11));
    expect(await other.appliedTo()).toBeUndefined();
    const claim = present(await other.claimRebuild({ owner: 'b', leaseMs: 1000 }));
    expect(claim.from).toEqual(Uint8Array.of(4));
    await claim.finish(Uint8Array.of(11));
    expect(await index.appliedTo()).toEqual(Uint8Array.of(11));
  });

  it.each([true, false])('shows no half of what a crash interrupted (%s)', async (isSent) => {
    const old = additionOf({ timestamp: 10, kind: 1, tags: [1] });
    const gone = additionOf({ timestamp: 20, nonce: 3, tags: [4] });
    const next = additionOf({ timestamp: 11, kind: 1, tags: [2] }, { replaces: old });
    const call = [next, additionOf({ timestamp: 12, nonce: 2, tags: [3] }), ...many(5)];
    const all = [old, gone, ...call];
    for (let message = 1; ; message++) {
      await index.markWhole(undefined);
      await index.add([old, gone]);
      const crashing = failingAt(connection, message, isSent);
      const doomed = createRedisIndex({ connection: crashing, name: 'outbox' });
      const work = async (): Promise<boolean> => {
        await doomed.add(call, Uint8Array.of(1));
        await doomed.remove([gone]);
        return true;
      };
      const isDone = await work().catch(() => false);
      const visible = await expectWhole(index, all);
      expect(visible.includes(old)).not.toBe(visible.includes(next));
      if (Buffer.from(present(await index.appliedTo())).equals(Uint8Array.of(1)))
        expect(visible).toEqual(expect.arrayContaining(call));
      // Whoever comes after, it may be done again.
      await index.add(call);
      await index.remove([gone]);
      expect(await expectWhole(index, all)).toHaveLength(call.length);
      await server.command('FLUSHALL');
      if (!isDone) continue;
      expect(message).toBeGreaterThan(8);
      return;
    }
  });

  it('heals by a rebuild what was emptied in the middle of an addition', async () => {
    const old = additionOf({ timestamp: 10, kind: 1, tags: [1] });
    const next = additionOf({ timestamp: 11, kind: 1, tags: [2] }, { replaces: old });
    const call = [next, additionOf({ timestamp: 12, nonce: 2, tags: [3] }), ...many(5)];
    for (let message = 1; ; message++) {
      await index.markWhole(undefined);
      await index.add([old], Uint8Array.of(1));
      const paused = pausedAt(connection, message);
      const slow = createRedisIndex({ connection: paused.connection, name: 'outbox' });
      const done = slow.add(call, Uint8Array.of(2)).then(() => 'done');
      const state = await Promise.race([paused.reached, done]);
      await server.command('FLUSHALL');
      paused.resume();
      await done;
      expect(await index.appliedTo()).toBeUndefined();
      const claim = present(await index.claimRebuild({ owner: 'a', leaseMs: 5_000 }));
      await index.restore([...call, old]);
      await claim.finish(Uint8Array.of(2));
      expect(await expectWhole(index, [old, ...call])).toHaveLength(call.length);
      await server.command('FLUSHALL');
      if (state !== 'done') continue;
      expect(message).toBeGreaterThan(4);
      return;
    }
  });

  it('gives a rebuild to another owner when its own has not been heard of for its lease', async () => {
    const first = present(await index.claimRebuild({ owner: 'a', leaseMs: 20 }));
    await first.note('part 1', Uint8Array.of(1));
    let second: RebuildClaim | undefined;
    await expect
      .poll(async () => {
        second = await index.claimRebuild({ owner: 'b', leaseMs: 5_000 });
        return second;
      })
      .toBeDefined();
    expect([...present(second).notes.keys()]).toEqual(['part 1']);
    await expect(first.renew()).rejects.toMatchObject({ code: 'rebuild-lost' });
    await first.release();
    await present(second).renew();
  });

  it('begins a rebuild anew where Redis was emptied in the middle of it', async () => {
    const first = present(await index.claimRebuild({ owner: 'a', leaseMs: 5_000 }));
    await first.note('part 1', Uint8Array.of(1));
    await server.command('FLUSHALL');
    await expect(first.renew()).rejects.toMatchObject({ code: 'rebuild-lost' });
    await expect(first.finish(Uint8Array.of(1))).rejects.toMatchObject({ code: 'rebuild-lost' });
    await first.release();
    expect(present(await index.claimRebuild({ owner: 'a', leaseMs: 5_000 })).notes.size).toBe(0);
  });

  describe('while another writer is between two steps', () => {
    const record = additionOf({ timestamp: 20, nonce: 3, tags: [4] });
    const old = additionOf({ timestamp: 10, kind: 1, tags: [1] });
    const next = additionOf({ timestamp: 11, kind: 1, tags: [2] }, { replaces: old });
    const later = { ...record, receivedAt: 7n };
    const all = [record, old, next];
    type Work = (writer: RecordIndex) => Promise<unknown>;
    const works: Readonly<Record<string, Work>> = {
      'adds it': (writer) => writer.add([record]),
      'adds it at another time': (writer) => writer.add([later]),
      'removes it': (writer) => writer.remove([record]),
      'adds the old one': (writer) => writer.add([old]),
      'replaces the old one': (writer) => writer.add([next]),
      'removes the old one': (writer) => writer.remove([old]),
      'removes the new one': (writer) => writer.remove([next]),
    };
    const aboutAddress = (name: string): boolean => name.endsWith('one');
    const pairs = Object.keys(works).flatMap((first) =>
      Object.keys(works)
        .filter((second) => aboutAddress(first) === aboutAddress(second))
        .map((second): [string, string] => [first, second]),
    );

    it.each(pairs)('that %s, one that %s leaves no half record', async (first, second) => {
      for (const there of [[], [record, old], [next]]) {
        for (let message = 1; ; message++) {
          await index.add(there);
          const paused = pausedAt(connection, message);
          const slow = createRedisIndex({ connection: paused.connection, name: 'outbox' });
          const done = present(works[first])(slow).then(() => 'done');
          const state = await Promise.race([paused.reached, done]);
          await present(works[second])(index);
          paused.resume();
          await done;
          const visible = await expectWhole(index, all);
          expect(visible.filter((each) => each !== record).length).toBeLessThan(2);
          await index.remove(all);
          for (const key of await keys()) expect(key).toMatch(/\}s$/);
          await server.command('FLUSHALL');
          if (state === 'done') break;
        }
      }
    });
  });

  it('lets one of two racing writers have an address, and the newest in the end', async () => {
    const second = await openRedis({ urls: [server.url] });
    try {
      const writers = [connection, second].map((each) =>
        createRedisIndex({ connection: each, name: 'outbox' }),
      );
      const all: IndexAddition[] = [];
      const write = async (writer: RecordIndex, own: number): Promise<void> => {
        for (let n = 0; n < 30; n++) {
          const addition = additionOf({ timestamp: 100 + 2 * n + own, kind: 1, tags: [n % 12] });
          all.push(addition);
          const path = { path: 'address', address: addition.record.address } as const;
          for (;;) {
            const [entry] = await writer.scan(path, { limit: 1 });
            const replaces = all.find(({ record }) => {
              return (
                entry !== undefined &&
                Buffer.compare(record.id.subarray(0, 24), entry.position) === 0
              );
            });
            const [outcome] = await writer.add([replaces ? { ...addition, replaces } : addition]);
            if (outcome !== 'conflict') break;
          }
        }
      };
      await Promise.all(writers.map(write));
      const visible = await expectWhole(index, all);
      expect(visible.map(({ record }) => record.timestamp)).toEqual([159n]);
      await index.remove(visible);
      for (const key of await keys()) expect(key).toMatch(/\}s$/);
    } finally {
      await second.close();
    }
  });

  it('stays whole while many add and remove the same records', async () => {
    const records = many(40);
    const replaceable = Array.from({ length: 10 }, (_, n) =>
      additionOf({ timestamp: n, kind: 1, nonce: n % 2, tags: [n] }),
    );
    let turn = 0;
    const work = async (own: number): Promise<void> => {
      const writer = createRedisIndex({ connection, name: 'outbox' });
      for (let n = 0; n < 25; n++) {
        const at = (turn++ * 7 + own) % 40;
        const some = [...records, ...records].slice(at, at + 8);
        // Each writer received them at another time.
        const own8 = some.map((each) => ({ ...each, receivedAt: BigInt(own) }));
        const changing = present(replaceable[(turn + own) % 10]);
        if ((n + own) % 4 === 3) await writer.remove([...some, changing]);
        else await writer.add([...own8, changing]);
      }
    };
    await Promise.all([0, 1, 2, 3, 4, 5].map(work));
    const all = [...records, ...replaceable];
    const visible = await expectWhole(index, all);
    await index.add(records);
    expect((await expectWhole(index, all)).length).toBeGreaterThanOrEqual(visible.length);
    await index.remove(all);
    for (const key of await keys()) expect(key).toMatch(/\}s$/);
  });
});
