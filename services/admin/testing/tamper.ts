/** Damages a data folder as disks, crashes and bugs do. For tests. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RecordView } from '@mosaic-cluster/protocol';
import {
  type LogEntry,
  openSegmentLog,
  openSegmentLogReader,
  type ScannedEntry,
} from '@mosaic-cluster/store';
import { open } from 'lmdb';

/** Flips some bits of a file's byte. */
export async function flipByte(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 0x11, at);
  await writeFile(path, bytes);
}

/** Changes a role's database in the index behind the server's back. */
export async function changeIndex(
  folder: string,
  role: string,
  change: (database: Map<string, Uint8Array>) => void,
): Promise<void> {
  const root = open<Uint8Array, Uint8Array>({
    path: join(folder, 'index'),
    noSubdir: false,
    maxDbs: 8,
    keyEncoding: 'binary',
    encoding: 'binary',
  });
  const database = root.openDB(role, { keyEncoding: 'binary', encoding: 'binary' });
  const before = new Map<string, Uint8Array>();
  for (const { key, value } of database.getRange()) {
    before.set(Buffer.from(key).toString('hex'), Uint8Array.from(value));
  }
  const after = new Map(before);
  change(after);
  root.transactionSync(() => {
    for (const key of before.keys()) {
      if (!after.has(key)) database.removeSync(Buffer.from(key, 'hex'));
    }
    for (const [key, value] of after) {
      if (before.get(key) !== value) database.putSync(Buffer.from(key, 'hex'), value);
    }
  });
  await root.close();
  await trust(folder);
}

/** Has the marker say what it says after an orderly end. */
async function trust(folder: string): Promise<void> {
  const bytes = (await readFile(join(folder, 'index', 'data.mdb'))).length;
  const marker = `${JSON.stringify({ format: 2, state: 'clean', bytes })}\n`;
  await writeFile(join(folder, 'index', 'marker.json'), marker);
}

/** All entries of a role's segments. */
export async function entriesOf(folder: string, role: string): Promise<ScannedEntry[]> {
  const log = await openSegmentLogReader({ directory: join(folder, 'segments', role), role });
  const entries: ScannedEntry[] = [];
  for await (const commit of log.scan(undefined)) entries.push(...commit.entries);
  await log.close();
  return entries;
}

/** Appends to a role's segments what no server would have taken. */
export async function appendUnchecked(
  folder: string,
  role: string,
  record: RecordView,
): Promise<void> {
  const directory = join(folder, 'segments', role);
  const log = await openSegmentLog({ directory, role, freeBytesMin: 0 });
  const entry: LogEntry = { record, receivedAt: record.timestamp, held: false };
  await log.append([entry]);
  await log.close();
}
