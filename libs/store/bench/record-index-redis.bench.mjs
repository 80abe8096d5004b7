/**
 * The record index on a real Redis server: what a record takes of its memory, and what adding, scanning
 * and looking up take of both processors. Figures of the server go to stderr, one line each.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import {
  coreTag,
  encodeTag,
  parseRecord,
  publicKeyOf,
  RECORD_AT,
  writeU16,
  writeU64BE,
} from '@mosaic-cluster/protocol';
import { createRedisIndex, openRedis } from '@mosaic-cluster/store';

const RECORDS = 100_000;
const AUTHORS = 2_000;
const BATCH = 64;
/** Between two records on average. */
const STEP_NANOS = 500_000_000;
const KIND = Uint8Array.of(0, 0, 0, 99, 0, 0, 0, 0x1c);
const BYTES_AIM = 300;
/** A Notify tag, whose key others are put over. */
const NOTIFY = encodeTag(coreTag({ name: 'notify', key: publicKeyOf(new Uint8Array(32).fill(1)) }));

/** A typical record: author, kind, one reply, two notifications. Unsigned: an index does not look. */
class TypicalRecords {
  #timestamp = 1_790_000_000_000_000_000n;
  authors = Array.from({ length: AUTHORS }, () => randomBytes(32));
  ids = [];

  next() {
    const author = this.authors[randomInt(AUTHORS)];
    const tags = [0, 1].map(() => {
      const tag = NOTIFY.slice();
      tag.set(this.authors[randomInt(AUTHORS)], tag.length - 32);
      return tag;
    });
    // Its value begins as a Notify tag's does, and goes on with the ID that is replied to.
    const reply = Buffer.alloc(56);
    const target = this.ids[randomInt(this.ids.length + 1)] ?? randomBytes(48);
    writeU16(reply, 0, reply.length);
    writeU16(reply, 2, 2);
    reply.set(target, 8);
    tags.push(reply);
    const tagsLength = tags.reduce((sum, tag) => sum + tag.length, 0);
    const bytes = new Uint8Array(RECORD_AT.tags + ((tagsLength + 7) & ~7));
    this.#timestamp += BigInt(randomInt(2 * STEP_NANOS));
    for (const at of [RECORD_AT.id, RECORD_AT.timestamp]) writeU64BE(bytes, at, this.#timestamp);
    bytes.set(randomBytes(40), RECORD_AT.hash);
    bytes.set(randomBytes(8), RECORD_AT.nonce);
    bytes.set(KIND, RECORD_AT.kind);
    bytes.set(author, RECORD_AT.author);
    bytes.set(author, RECORD_AT.signingKey);
    writeU16(bytes, RECORD_AT.tagsLength, tagsLength);
    let at = RECORD_AT.tags;
    for (const tag of tags) {
      bytes.set(tag, at);
      at += tag.length;
    }
    const record = parseRecord(bytes);
    this.ids.push(record.id);
    const receivedAt = this.#timestamp + 50_000_000n;
    return { record, receivedAt, location: randomBytes(12), held: false };
  }

  batch() {
    return Array.from({ length: BATCH }, () => this.next());
  }
}

async function serverFigures(server) {
  const number = (text, name) => Number(new RegExp(`${name}:([0-9.]+)`).exec(text)[1]);
  const memory = await server.command('INFO memory', 'mem_fragmentation_bytes');
  const cpu = await server.command('INFO cpu', 'used_cpu_user_children');
  const seconds = number(cpu, 'used_cpu_sys') + number(cpu, 'used_cpu_user');
  return { bytes: number(memory, 'used_memory'), cpuMicros: seconds * 1e6 };
}

/** Runs an operation many times and says what it takes of the server. */
async function report(server, what, times, operation, perCall = 1) {
  const before = await serverFigures(server);
  const own = process.cpuUsage();
  for (let n = 0; n < times; n++) await operation();
  const { user, system } = process.cpuUsage(own);
  const after = await serverFigures(server);
  const each = (micros) => (micros / times / perCall).toFixed(0);
  const theirs = each(after.cpuMicros - before.cpuMicros);
  console.error(`  ${what}: ${theirs} µs of the server, ${each(user + system)} µs of this process`);
}

async function prepare() {
  const { startRedis } = await import('@mosaic-cluster/test-servers');
  const server = await startRedis();
  const connection = await openRedis({ urls: [server.url] });
  const index = createRedisIndex({ connection, name: 'outbox' });
  await index.markWhole(undefined);
  // What it scans is the same, and each time as if nobody had asked before.
  const forgetful = () => createRedisIndex({ connection, name: 'outbox' });
  const records = new TypicalRecords();
  const { bytes } = await serverFigures(server);
  for (let n = 0; n < RECORDS / 2; n += BATCH) await index.add(records.batch());
  // Half of it warms up; half is measured with records that were made before.
  const batches = Array.from({ length: RECORDS / 2 / BATCH }, () => records.batch());
  await report(
    server,
    'a record, in batches of 64',
    batches.length,
    () => index.add(batches.pop()),
    BATCH,
  );
  const count = await index.count();
  const each = ((await serverFigures(server)).bytes - bytes) / count;
  const verdict = each <= BYTES_AIM ? 'reached' : 'MISSED';
  console.error(
    `  memory: ${each.toFixed(0)} bytes a record, ${count} records; aim ${BYTES_AIM}: ${verdict}`,
  );
  const author = () => ({ path: 'author', author: records.authors[randomInt(AUTHORS)] });
  const newest = async (path) => (await index.scan(path, { limit: 20 })).length;
  const lookup = async () => {
    const ids = Array.from({ length: 10 }, () => records.ids[randomInt(records.ids.length)]);
    return (await index.lookup(ids)).length;
  };
  const first = async (path) => (await forgetful().scan(path, { limit: 20 })).length;
  await report(server, 'newest 20 of an author, asked first', 1_000, () => first(author()));
  await report(server, 'newest 20 of an author', 4_000, () => newest(author()));
  await report(server, 'newest 20 of a kind', 1_000, () => newest({ path: 'kind', kind: KIND }));
  await report(server, 'look-up of 10 IDs', 1_000, lookup);
  return {
    cases: [
      {
        name: 'add in batches of 64 (records)',
        ops: BATCH,
        run: async () => (await index.add(records.batch())).length,
      },
      { name: 'newest 20 of an author', ops: 1, run: () => newest(author()) },
      { name: 'newest 20 of an author, asked first', ops: 1, run: () => first(author()) },
      { name: 'newest 20 of a kind', ops: 1, run: () => newest({ path: 'kind', kind: KIND }) },
      { name: 'look-up of 10 IDs', ops: 1, run: lookup },
    ],
    close: async () => {
      await connection.close();
      await server.stop();
    },
  };
}

function isInstalled() {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, 'redis-server'), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The tables of this file. */
export function tables() {
  if (!isInstalled()) {
    console.error('\nrecord index on Redis: left out, redis-server is not on PATH');
    return [];
  }
  return [{ title: 'Record index on Redis', unit: 'one after the other', prepare }];
}
