/**
 * How fast an index is made anew: from segments on files to LMDB, and from segments on S3 to Redis, both
 * real. Prints the rate, and the processor time of all sides: `node libs/role/bench/rebuild.mjs`.
 * With `--only compacted --records 20000 --commit 1`, the same before and after small objects were joined.
 * Build first.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  coreTag,
  encodeTag,
  parseRecord,
  publicKeyOf,
  RECORD_AT,
  writeU16,
  writeU64BE,
} from '@mosaic-cluster/protocol';
import { compactRole, KeyDirectory, NOTHING_REMOVED, rebuildIndex } from '@mosaic-cluster/role';
import {
  COMPACTION_DEFAULTS,
  createRedisIndex,
  openIndexEnvironment,
  openObjectSegmentLog,
  openRedis,
  openS3ObjectStore,
  openSegmentLog,
} from '@mosaic-cluster/store';
import { startRedis, startS3 } from '@mosaic-cluster/test-servers';

const { values: options } = parseArgs({
  options: {
    records: { type: 'string', default: '100000' },
    commit: { type: 'string', default: '1000' },
    lanes: { type: 'string', default: '4' },
    replaceable: { type: 'string', default: '10' },
    only: { type: 'string', default: '' },
  },
});
const RECORDS = Number(options.records);
const COMMIT = Number(options.commit);
const LANES = Number(options.lanes);
const AUTHORS = Array.from({ length: 2_000 }, () => randomBytes(32));
const UNIQUE = Uint8Array.of(0, 0, 0, 99, 0, 0, 0, 0x1c);
const REPLACEABLE = Uint8Array.of(0, 0, 0, 99, 0, 1, 0, 0x1e);
const NOTIFY = encodeTag(coreTag({ name: 'notify', key: publicKeyOf(new Uint8Array(32).fill(1)) }));
const PAYLOAD_BYTES = 200;

let timestamp = 1_750_000_000_000_000_000n;

/** A typical record: author, kind, two notifications and a text; unsigned. Some replace others. */
function record() {
  const author = AUTHORS[randomInt(AUTHORS.length)];
  const isReplaceable = randomInt(100) < Number(options.replaceable);
  const tagsLength = 2 * NOTIFY.length;
  const bytes = new Uint8Array(
    RECORD_AT.tags + ((tagsLength + 7) & ~7) + ((PAYLOAD_BYTES + 7) & ~7),
  );
  timestamp += BigInt(randomInt(1_000_000_000));
  for (const at of [RECORD_AT.id, RECORD_AT.timestamp]) writeU64BE(bytes, at, timestamp);
  bytes.set(randomBytes(40), RECORD_AT.hash);
  bytes.set(isReplaceable ? Buffer.alloc(8, 0x80) : randomBytes(8), RECORD_AT.nonce);
  bytes.set(isReplaceable ? REPLACEABLE : UNIQUE, RECORD_AT.kind);
  bytes.set(author, RECORD_AT.author);
  bytes.set(author, RECORD_AT.signingKey);
  writeU16(bytes, RECORD_AT.tagsLength, tagsLength);
  for (const n of [0, 1]) {
    const tag = NOTIFY.slice();
    tag.set(AUTHORS[randomInt(AUTHORS.length)], tag.length - 32);
    bytes.set(tag, RECORD_AT.tags + n * tag.length);
  }
  new DataView(bytes.buffer).setUint32(RECORD_AT.payloadLength, PAYLOAD_BYTES, true);
  return parseRecord(bytes);
}

async function fill(log, count = RECORDS) {
  for (let n = 0; n < count; n += COMMIT) {
    const entries = Array.from({ length: COMMIT }, () => ({
      record: record(),
      receivedAt: timestamp,
      held: false,
    }));
    await log.append(entries);
  }
}

/** Processor time of another process so far, in microseconds. */
async function cpuMicros(pid) {
  if (pid === undefined) return 0;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [user, system] = stat.slice(stat.lastIndexOf(')')).split(' ').slice(12, 14);
  return (Number(user) + Number(system)) * 10_000;
}

async function measure(title, index, log, { others = {}, ...rest } = {}) {
  const directory = new KeyDirectory([{ index, log }]);
  const names = Object.keys(others);
  const before = await Promise.all(names.map((name) => cpuMicros(others[name])));
  const own = process.cpuUsage();
  const result = await rebuildIndex({ index, log, directory, lanes: LANES, ...rest });
  const { user, system } = process.cpuUsage(own);
  const micros = user + system;
  const rate = (result.records / result.elapsedMs) * 1000;
  const each = (micros) => (micros / result.records).toFixed(1);
  const theirs = await Promise.all(
    names.map(async (name, i) => `${name} ${each((await cpuMicros(others[name])) - before[i])}`),
  );
  const cpu = [`this process ${each(micros)}`, ...theirs].join(', ');
  console.log(
    `${title}: ${rate.toFixed(0)} records/s (${result.records} of them, ` +
      `${await index.count()} in the index); µs of processor a record: ${cpu}`,
  );
  return { seconds: result.elapsedMs / 1000, micros };
}

async function onFiles() {
  const folder = await mkdtemp(join(tmpdir(), 'mosaic-bench-'));
  const log = await openSegmentLog({ directory: join(folder, 'log'), role: 'outbox' });
  await fill(log);
  const serving = await openIndexEnvironment({ directory: join(folder, 'serving') });
  await measure('files → LMDB, beside serving', serving.index('outbox'), log);
  await serving.close();
  const alone = await openIndexEnvironment({
    directory: join(folder, 'alone'),
    transactionRowsMax: 100_000,
  });
  await measure('files → LMDB, alone', alone.index('outbox'), log, { batchEntries: 8192 });
  await alone.close();
  await log.close();
  await rm(folder, { recursive: true });
}

/** Real servers, and what is on them. */
async function servers() {
  const [redis, s3] = await Promise.all([startRedis(), startS3()]);
  s3.createBucket('bench');
  const { url: endpoint, region, accessKeyId, secretAccessKey } = s3;
  const credentials = { accessKeyId, secretAccessKey };
  const store = await openS3ObjectStore({ bucket: 'bench', region, endpoint, credentials });
  const connection = await openRedis({ urls: [redis.url] });
  const close = async () => {
    await connection.close();
    await store.close();
    await Promise.all([redis.stop(), s3.stop()]);
  };
  return { store, connection, others: { Redis: redis.pid, S3: s3.pid }, close };
}

async function onServers() {
  const { store, connection, others, close } = await servers();
  const log = await openObjectSegmentLog({ store, role: 'outbox' });
  await fill(log);
  const index = createRedisIndex({ connection, name: 'outbox' });
  await measure(`S3 → Redis, ${COMMIT} records an object`, index, log, { others });
  await log.close();
  await close();
}

const WRITERS = 8;

/** An index made anew from many small objects, and from the few that these were joined to. */
async function compacted() {
  const { store, connection, others, close } = await servers();
  let now = Date.now() - 86_400_000;
  const open = () =>
    openObjectSegmentLog({
      store,
      role: 'outbox',
      commitIntervalMs: 0,
      clock: { now: () => (now += 2) },
    });
  const logs = await Promise.all(Array.from({ length: WRITERS }, open));
  await Promise.all(logs.map((log) => fill(log, RECORDS / WRITERS)));
  now = Date.now();
  const [log] = logs;
  await fill(log, 1);
  const indexOf = (name) => createRedisIndex({ connection, name });
  const index = indexOf('outbox');
  const before = await measure('before', index, log, { others });
  const rules = {
    store,
    role: 'outbox',
    index,
    log,
    directory: new KeyDirectory([{ index, log }]),
    removed: { ...NOTHING_REMOVED, find: async () => [], list: async () => ({ removals: [] }) },
    graceMs: 0,
  };
  const own = process.cpuUsage();
  const since = performance.now();
  const joined = await compactRole(rules);
  const { user, system } = process.cpuUsage(own);
  const ended = await compactRole({ ...rules, bounds: { ...COMPACTION_DEFAULTS, keepMs: 0 } });
  const seconds = (performance.now() - since) / 1000;
  const micros = ((user + system) / RECORDS).toFixed(1);
  const left = joined.segments - ended.deleted + joined.runs;
  console.log(
    `joined ${joined.joined} objects to ${joined.runs}, ${ended.deleted} deleted, in ${seconds.toFixed(1)} s; ` +
      `µs of processor a record: ${micros}; ${joined.leftOut.replaced} replaced left out`,
  );
  const after = await measure('after', indexOf('outbox-after'), log, { others });
  const times = (a, b) => (a / b).toFixed(1);
  console.log(
    `objects ${joined.segments} → ${left}; the index is made anew ${times(before.seconds, after.seconds)} times as fast, ` +
      `with ${times(before.micros, after.micros)} times less of the processor`,
  );
  await Promise.all(logs.map((each) => each.close()));
  await close();
}

const BENCHES = { files: onFiles, servers: onServers, compacted };
for (const name of options.only === '' ? ['files', 'servers'] : [options.only]) {
  await BENCHES[name]();
}
