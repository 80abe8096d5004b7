/**
 * All that an index on LMDB holds, as text that is the same for the same records. Left out is where the
 * pages of a path are cut, which depends on the order in which records came in.
 */
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from 'lmdb';

const RECEIVED = 2;
const FLAG_LOCATION = 0x7f;

/** What the index of a role holds: lines in order. The environment must be closed. */
export async function dumpLmdbIndex(folder: string, role: string): Promise<string[]> {
  // LMDB leaves a lock beside what it opens.
  const aside = await mkdtemp(join(tmpdir(), 'mosaic-dump-'));
  const path = join(aside, 'data.mdb');
  await copyFile(join(folder, 'data.mdb'), path);
  const root = open<Buffer, Buffer>({ path, noSubdir: true, readOnly: true, maxDbs: 8 });
  try {
    const database = root.openDB<Buffer, Buffer>(role, {
      keyEncoding: 'binary',
      encoding: 'binary',
    });
    const lines: string[] = [];
    for (const { key, value } of database.getRange({})) lines.push(...linesOf(key, value));
    return lines.toSorted();
  } finally {
    await root.close();
    await rm(aside, { recursive: true });
  }
}

function linesOf(key: Buffer, value: Buffer): string[] {
  switch (key[0]) {
    case 0x00:
      return [`state ${value.toString('hex')}`];
    case 0x01:
      return [`record ${key.toString('hex', 1)} ${value.toString('hex')}`];
    case 0x10:
      return entriesOf(
        `${key.at(-1)} ${key.toString('hex', 1, key.length - 1)}`,
        key.at(-1)!,
        value,
      );
    case 0x20: {
      const path = key[1]!;
      return entriesOf(`${path} ${key.toString('hex', 3, 3 + key[2]!)}`, path, value);
    }
    default:
      return [`other ${key.toString('hex')} ${value.toString('hex')}`];
  }
}

function entriesOf(name: string, path: number, page: Buffer): string[] {
  const positionBytes = path === RECEIVED ? 32 : 24;
  const lines: string[] = [];
  for (let at = page[0] === 0 ? 1 : 1 + positionBytes; at < page.length; ) {
    const end = at + positionBytes + 1 + (page[at + positionBytes]! & FLAG_LOCATION);
    lines.push(`path ${name} ${page.toString('hex', at, end)}`);
    at = end;
  }
  return lines;
}
