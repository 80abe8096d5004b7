/**
 * Records and folders for tests of the segment log: records that are cheap to make and look right
 * to everything that reads lengths only.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  equalBytes,
  RECORD_AT,
  RECORD_HEAD_BYTES,
  type RecordView,
  parseRecord,
  writeU32,
} from '@mosaic-cluster/protocol';
import type { LogEntry, LogPosition, ScannedEntry, SegmentLog } from './segment-log.ts';

/** A record of 152 bytes and more whose content follows from `seed`; nothing in it is valid. */
export function fakeRecord(seed: number, payloadBytes = 448): RecordView {
  const bytes = new Uint8Array(RECORD_HEAD_BYTES + Math.ceil(payloadBytes / 8) * 8);
  let state = Math.imul(seed + 1, 0x9e37_79b1) | 1;
  for (let i = 0; i < bytes.length; i += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    writeU32(bytes, i, state);
  }
  bytes.fill(0, RECORD_AT.tagsLength, RECORD_HEAD_BYTES);
  writeU32(bytes, RECORD_AT.payloadLength, payloadBytes);
  return parseRecord(bytes);
}

/** An entry whose every part follows from `seed`. */
export function fakeEntry(seed: number, payloadBytes = 448): LogEntry {
  const receivedAt = 1_763_000_000_000_000_000n + BigInt(seed);
  return { record: fakeRecord(seed, payloadBytes), receivedAt, held: seed % 3 === 0 };
}

/** Entries of consecutive seeds. */
export function fakeEntries(first: number, count: number, payloadBytes = 448): LogEntry[] {
  return Array.from({ length: count }, (_, i) => fakeEntry(first + i, payloadBytes));
}

/** Whether two entries are the same, byte for byte. */
export function isSameEntry(a: LogEntry | undefined, b: LogEntry | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const isSame = a.receivedAt === b.receivedAt && a.held === b.held;
  return isSame && equalBytes(a.record.bytes, b.record.bytes);
}

/** Index of the first entry that differs; -1: both lists are the same. Quick on long lists. */
export function firstDifference(
  found: readonly (LogEntry | undefined)[],
  expected: readonly LogEntry[],
): number {
  const length = Math.max(found.length, expected.length);
  for (let i = 0; i < length; i++) if (!isSameEntry(found[i], expected[i])) return i;
  return -1;
}

/** The item at an index, from the end where it is negative; a test that has none fails. */
export function itemAt<T>(items: readonly T[], index: number): T {
  const item = items.at(index);
  if (item === undefined) throw new Error(`there are ${items.length} items, none at ${index}`);
  return item;
}

/** A copy in which the bits of `mask` are flipped at one byte. */
export function flipped(bytes: Uint8Array, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(at) ^ mask, at);
  return copy;
}

/** All entries that a scan meets. */
export async function scanAll(log: SegmentLog, from?: LogPosition): Promise<ScannedEntry[]> {
  const entries: ScannedEntry[] = [];
  for await (const commit of log.scan(from)) entries.push(...commit.entries);
  return entries;
}

/** Waits for the promise to fail and returns what it failed with. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

/** Makes empty folders and removes them all. */
export class TestFolders {
  readonly #root: Promise<string> = mkdtemp(join(tmpdir(), 'mosaic-segments-'));
  #count = 0;

  /** A path at which nothing is yet. */
  async next(): Promise<string> {
    this.#count += 1;
    return join(await this.#root, String(this.#count));
  }

  async close(): Promise<void> {
    await rm(await this.#root, { recursive: true, force: true });
  }
}
