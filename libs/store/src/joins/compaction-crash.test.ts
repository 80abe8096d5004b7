/** A compactor that is killed in the midst of its work has lost nothing, and the next one goes on. */
import { hexEncode, type RecordView } from '@mosaic-cluster/protocol';
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openFileObjectStore } from '../object-store-files.ts';
import { PLAIN_SPEC, recordOf } from '../record-index-fixture.ts';
import { openRedis, type RedisConnection } from '../redis-connection.ts';
import { scanAll, TestFolders } from '../segment-log-fixture.ts';
import { KilledProcess } from '../testing/killed-process.ts';
import { CompactedRole, HOUR_MS } from './compaction-fixture.ts';

const ROUNDS = 6;
const COMMITS = 12;

const folders = new TestFolders();
let redis: RedisServer;
let connection: RedisConnection;
let killed: KilledProcess;
beforeAll(async () => {
  killed = await KilledProcess.of(new URL('compaction-crash-child.ts', import.meta.url));
  redis = await startRedis();
  connection = await openRedis({ urls: [redis.url] });
}, 120_000);
afterAll(async () => {
  await connection.close();
  await Promise.all([redis.stop(), folders.close(), killed.close()]);
});

it('kill -9 loses nothing, whenever it comes', { timeout: 120_000 }, async () => {
  const directory = await folders.next();
  const kept = new CompactedRole(await openFileObjectStore({ directory }), connection, 'outbox');
  const records: RecordView[] = [];
  const ids = (of: readonly RecordView[]): string[] => of.map(({ id }) => hexEncode(id)).toSorted();
  await kept.open({ cacheBytesMax: 0 });
  for (let round = 0; round < ROUNDS; round++) {
    for (let i = 0; i < COMMITS; i++) {
      const record = recordOf({ ...PLAIN_SPEC, timestamp: records.length, nonce: records.length });
      records.push(record);
      await kept.commit([record]);
    }
    // All but the newest are old enough.
    kept.nowMs += 40 * HOUR_MS;
    const lines = 1 + ((round * 53) % 170);
    await killed.lines([directory, redis.url, 'outbox', String(kept.nowMs)], lines);
    kept.nowMs += 1000 * HOUR_MS;
    const met = (await scanAll(kept.log)).map(({ record }) => record);
    expect([...new Set(ids(met))]).toEqual(ids(records));
    expect((await kept.found(records)).toSorted()).toEqual(ids(records));
  }
  const before = (await kept.names('segments')).length;
  for (let i = 0; i < 3; i++) {
    kept.nowMs += 25 * HOUR_MS;
    await kept.compact({ sourcesMin: 2 });
  }
  expect((await kept.names('segments')).length).toBeLessThan(before);
  expect((await kept.found(records)).toSorted()).toEqual(ids(records));
  expect(ids((await scanAll(kept.log)).map(({ record }) => record))).toEqual(ids(records));
  await kept.close();
});
