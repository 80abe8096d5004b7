/** Compaction on a folder and on a real S3 server, with a real Redis: nothing is lost, whatever happens when. */
import { hexEncode, type RecordView } from '@mosaic-cluster/protocol';
import { type RedisServer, type S3Server, startRedis, startS3 } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ObjectStore } from '../object-store.ts';
import { openFileObjectStore } from '../object-store-files.ts';
import { openS3ObjectStore } from '../object-store-s3.ts';
import { newBucket } from '../object-store-s3-fixture.ts';
import { recordOf, PLAIN_SPEC } from '../record-index-fixture.ts';
import { openRedis, type RedisConnection } from '../redis-connection.ts';
import { failureOf, scanAll, TestFolders } from '../segment-log-fixture.ts';
import { openObjectLogReader } from '../segment-log-objects-observer.ts';
import { CompactedRole, HOUR_MS } from './compaction-fixture.ts';

const folders = new TestFolders();
let redis: RedisServer;
let s3: S3Server;
let connection: RedisConnection;
beforeAll(async () => {
  [redis, s3] = await Promise.all([startRedis(), startS3()]);
  connection = await openRedis({ urls: [redis.url] });
}, 300_000);
afterAll(async () => {
  await connection.close();
  await Promise.all([redis.stop(), s3.stop(), folders.close()]);
});

let number = 0;
function newRecord(kind = 0, author = 1): RecordView {
  number += 1;
  return recordOf({
    ...PLAIN_SPEC,
    timestamp: number,
    nonce: kind === 1 ? 7 : number,
    kind,
    author,
  });
}

function idsOf(records: readonly RecordView[]): string[] {
  return records.map(({ id }) => hexEncode(id));
}

const STORES: readonly (readonly [string, () => Promise<ObjectStore>])[] = [
  ['a folder', async () => openFileObjectStore({ directory: await folders.next() })],
  ['S3', () => openS3ObjectStore(newBucket(s3))],
];

let roles = 0;
describe.each(STORES)('compaction on %s', (name, openStore) => {
  /** What differs by what was done and not by where is quicker here. */
  const onFolder = it.skipIf(name === 'S3');
  let kept: CompactedRole;
  let records: RecordView[];
  beforeEach(async () => {
    kept = new CompactedRole(await openStore(), connection, `role-${(roles += 1)}`);
    await kept.open();
    records = [];
    for (let i = 0; i < 12; i++) await commit(newRecord());
  });

  async function commit(record: RecordView): Promise<void> {
    await kept.commit([record]);
    records.push(record);
  }

  /** Lets what was committed get old enough; the newest segment always stays. */
  async function age(): Promise<void> {
    kept.nowMs += 3 * HOUR_MS;
    await commit(newRecord());
  }

  onFolder('begins nothing more when its time is up, and says that there is more', async () => {
    await age();
    const none = await kept.compact({ endsAtMs: kept.nowMs });
    expect(none).toMatchObject({ runs: 0, isCutShort: true });
    const all = await kept.compact({ endsAtMs: kept.nowMs + 1 });
    expect(all).toMatchObject({ runs: 1, isCutShort: false });
  });

  it('joins what is old, and deletes the parts a day later', async () => {
    await age();
    const dry = await kept.compact({ isDryRun: true });
    expect(dry).toMatchObject({ runs: 1, joined: 12, deleted: 0 });
    expect(await kept.names('joins')).toEqual([]);
    const before = await scanAll(kept.log);
    const first = await kept.compact();
    expect(first).toMatchObject({ runs: 1, joined: 12, relocated: 12, deleted: 0, damages: 0 });
    expect(await kept.names('segments')).toHaveLength(14);
    // Whoever reads the log meets everything once, in the order that it had.
    expect(idsOf((await scanAll(kept.log)).map(({ record }) => record))).toEqual(idsOf(records));
    expect(await kept.compact()).toMatchObject({ runs: 0, joined: 0, deleted: 0, waiting: 12 });
    kept.nowMs += 25 * HOUR_MS;
    expect(await kept.compact()).toMatchObject({ runs: 0, deleted: 12, waiting: 0, relocated: 0 });
    expect(await kept.names('segments')).toHaveLength(2);
    await kept.open({ cacheBytesMax: 0 });
    expect(await kept.found(records)).toEqual(idsOf(records));
    const after = await scanAll(kept.log);
    expect(after.map(({ receivedAt }) => receivedAt)).toEqual(
      before.map(({ receivedAt }) => receivedAt),
    );
    // Who remembers where they were finds them all the same.
    const remembered = await kept.log.read(before.map(({ location }) => location));
    expect(idsOf(remembered.map(({ record }) => record))).toEqual(idsOf(records));
    const parts: string[] = [];
    for await (const part of kept.log.parts(undefined)) {
      for await (const { entries } of part.scan())
        parts.push(...idsOf(entries.map((e) => e.record)));
    }
    expect(parts).toEqual(idsOf(records));
    expect(await kept.compact()).toMatchObject({ runs: 0, deleted: 0, waiting: 0 });
    await kept.close();
  });

  onFolder('joins the joined again once there is as much beside them', async () => {
    const first = await scanAll(kept.log);
    for (let round = 0; round < 3; round++) {
      await age();
      await kept.compact();
      kept.nowMs += 25 * HOUR_MS;
      await kept.compact();
      for (let i = 0; i < 12 + 12 * round; i++) await commit(newRecord());
    }
    await age();
    await kept.compact();
    kept.nowMs += 25 * HOUR_MS;
    await kept.compact();
    expect((await kept.names('segments')).length).toBeLessThan(6);
    await kept.open({ cacheBytesMax: 0 });
    expect(await kept.found(records)).toEqual(idsOf(records));
    expect(idsOf((await scanAll(kept.log)).map(({ record }) => record))).toEqual(idsOf(records));
    // Over several joins.
    const remembered = await kept.log.read(first.map(({ location }) => location));
    expect(idsOf(remembered.map(({ record }) => record))).toEqual(idsOf(records.slice(0, 12)));
    await kept.close();
  });

  // A matter of names, which are the same everywhere.
  it.skipIf(name === 'S3')('leads old places on over all joins that are between', async () => {
    const first = await scanAll(kept.log);
    // Joined every few hours: each level leaves its joins between the segments of the next.
    for (let round = 0; round < 14; round++) {
      await age();
      for (let i = 0; i < 4; i++) await commit(newRecord());
      await kept.compact();
    }
    kept.nowMs += 25 * HOUR_MS;
    await kept.compact();
    kept.nowMs += 25 * HOUR_MS;
    await kept.compact();
    expect((await kept.names('segments')).length).toBeLessThan(10);
    await kept.open({ cacheBytesMax: 0 });
    const remembered = await kept.log.read(first.map(({ location }) => location));
    expect(idsOf(remembered.map(({ record }) => record))).toEqual(idsOf(records.slice(0, 12)));
    await kept.close();
  });

  it('leaves out what is not wanted any more, unless it is wanted again before its bytes are gone', async () => {
    const [removed, restored] = [records[3]!, records[7]!];
    for (const record of [removed, restored]) {
      kept.leaving.set(hexEncode(record.id), 'removed');
      await kept.index.remove([{ record, receivedAt: record.timestamp }]);
    }
    await age();
    const before = await scanAll(kept.log);
    expect(await kept.compact()).toMatchObject({ joined: 12, leftOut: { removed: 2 } });
    // Somebody restores it, with the place that it has.
    const entry = before.find(({ record }) => hexEncode(record.id) === hexEncode(restored.id))!;
    kept.leaving.delete(hexEncode(restored.id));
    await kept.index.add([{ ...entry }]);
    kept.nowMs += 25 * HOUR_MS;
    expect(await kept.compact()).toMatchObject({ deleted: 11, wanted: 1 });
    expect(await kept.compact()).toMatchObject({ wanted: 1 });
    await kept.open({ cacheBytesMax: 0 });
    const left = records.filter((record) => record !== removed);
    expect(await kept.found(records)).toEqual(idsOf(left));
    const met = idsOf((await scanAll(kept.log)).map(({ record }) => record));
    expect(met.toSorted()).toEqual(idsOf(left).toSorted());
    const gone = before.find(({ record }) => hexEncode(record.id) === hexEncode(removed.id))!;
    expect(await failureOf(kept.log.read([gone.location]))).toMatchObject({
      kind: 'not-found',
      code: 'segment',
    });
    await kept.close();
  });

  onFolder('takes removed records out of large segments in a sweep', async () => {
    await age();
    await kept.compact();
    kept.nowMs += 25 * HOUR_MS;
    await kept.compact();
    const [removed] = records;
    kept.leaving.set(hexEncode(removed!.id), 'removed');
    await kept.index.remove([{ record: removed!, receivedAt: removed!.timestamp }]);
    expect(await kept.compact()).toMatchObject({ runs: 0 });
    expect(await kept.compact({ isSweep: true })).toMatchObject({
      runs: 1,
      leftOut: { removed: 1 },
    });
    kept.nowMs += 25 * HOUR_MS;
    expect(await kept.compact()).toMatchObject({ deleted: 1, wanted: 0 });
    await kept.open({ cacheBytesMax: 0 });
    expect(await kept.found(records)).toEqual(idsOf(records.slice(1)));
    const met = (await scanAll(kept.log)).map(({ record }) => record);
    expect(idsOf(met)).toEqual(idsOf(records.slice(1)));
    await kept.close();
  });

  onFolder('goes on after a crash at any call of the store', async () => {
    await age();
    const sizes: number[] = [];
    for (let calls = 0; calls < 400; calls++) {
      kept.nowMs += calls % 3 === 0 ? 25 * HOUR_MS : HOUR_MS;
      const outcome = await kept
        .compact({ store: dyingAfter(kept.store, calls) })
        .catch(() => undefined);
      sizes.push((await kept.names('segments')).length);
      const met = new Set(idsOf((await scanAll(kept.log)).map(({ record }) => record)));
      expect([...met].toSorted()).toEqual(idsOf(records).toSorted());
      if (outcome?.runs === 0 && outcome.waiting === 0 && sizes.at(-1)! <= 2) break;
    }
    expect(sizes.at(-1)).toBe(2);
    await kept.open({ cacheBytesMax: 0 });
    expect(await kept.found(records)).toEqual(idsOf(records));
    await kept.close();
  });

  it('may run several times at once', async () => {
    await age();
    const [removed] = records;
    kept.leaving.set(hexEncode(removed!.id), 'removed');
    await kept.index.remove([{ record: removed!, receivedAt: removed!.timestamp }]);
    const at = await Promise.all([kept.compact(), kept.compact(), kept.compact()]);
    expect(at.reduce((sum, { runs }) => sum + runs, 0)).toBe(1);
    kept.nowMs += 25 * HOUR_MS;
    await Promise.all([kept.compact(), kept.compact()]);
    expect(await kept.names('segments')).toHaveLength(2);
    await kept.open({ cacheBytesMax: 0 });
    expect(await kept.found(records)).toEqual(idsOf(records.slice(1)));
    await kept.close();
  });

  onFolder(
    'does nothing while the index is made anew, and leaves damaged segments alone',
    async () => {
      await age();
      await redis.command(`DEL mosaic:{${kept.role}}state`);
      expect(await failureOf(kept.compact())).toMatchObject({ code: 'index-not-whole' });
      await kept.index.markWhole(kept.log.end);
      const [first] = await kept.names('segments');
      const name = `segments/${kept.role}/${first}`;
      const bytes = await kept.store.get(name);
      bytes[100]! ^= 1;
      await kept.store.delete([name]);
      await kept.store.put(name, bytes);
      expect(await kept.compact()).toMatchObject({ joined: 11, damages: 1 });
      kept.nowMs += 25 * HOUR_MS;
      await kept.compact();
      expect((await kept.names('segments')).slice(0, 1)).toEqual([first]);
      await kept.open();
      expect(await kept.found(records.slice(1))).toEqual(idsOf(records.slice(1)));
      await kept.close();
    },
  );

  it('is followed by who reads the log meanwhile', async () => {
    await age();
    await kept.compact();
    const reader = await openObjectLogReader({ store: kept.store, role: kept.role });
    const walk = reader.walk(undefined, ({ what }) => {
      throw new Error(what);
    });
    const met: string[] = [];
    for await (const { entries } of walk) {
      met.push(...idsOf(entries.map(({ record }) => record)));
      if (met.length > 12) continue;
      kept.nowMs += 25 * HOUR_MS;
      await kept.compact();
    }
    expect(met).toEqual(idsOf(records));
    await reader.close();
    await kept.close();
  });
});

/** A store whose caller dies at one of its calls: before it, or after it where that changes something. */
function dyingAfter(store: ObjectStore, calls: number): ObjectStore {
  let left = Math.floor(calls / 2);
  const isAfter = calls % 2 === 1;
  const call = async <T>(run: () => Promise<T>): Promise<T> => {
    if (left-- > 0) return run();
    if (left === -1 && isAfter) await run();
    throw new Error('crashed');
  };
  return {
    name: store.name,
    put: (...args) => call(() => store.put(...args)),
    get: (...args) => call(() => store.get(...args)),
    head: (...args) => call(() => store.head(...args)),
    list: (...args) => call(() => store.list(...args)),
    delete: (...args) => call(() => store.delete(...args)),
    selfTest: () => store.selfTest(),
    close: () => store.close(),
  };
}
