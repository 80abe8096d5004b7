/**
 * All that an index on Redis holds, as text that is the same for the same records. Left out is what
 * depends on the order in which they came in: where pages and hashes are cut, rows that are there
 * twice, how often something was removed, the generation, and positions.
 */
import { type RedisConnection, redisScript } from '@mosaic-cluster/store';

const DUMP = redisScript(String.raw`
local readers = {
  string = function(key) return { redis.call('GET', key) } end,
  hash = function(key) return redis.call('HGETALL', key) end,
  zset = function(key) return redis.call('ZRANGE', key, 0, -1) end,
}
local dump = {}
for i, key in ipairs(redis.call('KEYS', KEYS[1] .. '*')) do
  dump[i] = { key, readers[redis.call('TYPE', key).ok](key) }
end
return dump
`);
/** Bytes of rows, by tree. */
const ROW_BYTES: Readonly<Record<string, number>> = { p: 23, r: 24 };

/** What an index holds: lines in order. */
export async function dumpRedisIndex(connection: RedisConnection): Promise<string[]> {
  const { keyPrefix } = connection;
  const [dump] = (await connection.run([
    { script: DUMP, key: Buffer.from(keyPrefix), args: [] },
  ])) as [[Buffer, Buffer[]][]];
  const lines = new Set<string>();
  for (const [key, values] of dump) {
    const at = key.indexOf('}') + 1;
    const shard = key.toString('latin1', keyPrefix.length, at);
    for (const line of linesOf(key.subarray(at), values)) lines.add(`${shard} ${line}`);
  }
  return [...lines].toSorted();
}

function linesOf(rest: Buffer, values: readonly Buffer[]): string[] {
  const name = rest.toString('latin1');
  const letter = name.slice(0, 1);
  if (name === 'state' || name === 'notes') return [];
  if (name === 's') {
    const count = values[values.findIndex((each) => each.toString() === 'c') + 1]!;
    return Number(count) === 0 || !values.some((each) => each.toString() === 'c')
      ? []
      : [`records ${count.toString()}`];
  }
  if (name === 'm') return [`marks ${values.length}`];
  // Directories say where pages are cut.
  if (['P', 'R', 'I', 'A'].includes(name)) return [];
  const rowBytes = ROW_BYTES[letter];
  if (rowBytes !== undefined) return rowsOf(values[0]!, rowBytes).map((row) => `${letter} ${row}`);
  const lines: string[] = [];
  for (let i = 0; i < values.length; i += 2) {
    lines.push(`${letter} ${values[i]!.toString('hex')} ${values[i + 1]!.toString('hex')}`);
  }
  return lines;
}

function rowsOf(page: Buffer, rowBytes: number): string[] {
  const headBytes = page[0]!;
  const head = page.toString('hex', 1, 1 + headBytes);
  const rows: string[] = [];
  for (let at = 1 + headBytes; at < page.length; at += rowBytes - headBytes) {
    rows.push(head + page.toString('hex', at, at + rowBytes - headBytes));
  }
  return rows;
}
