/** Reads the segments that are to be joined, and decides what of them is taken over. */
import { setTimeout as delay } from 'node:timers/promises';
import { equalBytes, isMosaicError } from '@mosaic-cluster/protocol';
import type { LogEntry, ScannedEntry } from '../segment-log.ts';
import { offsetIn, type SegmentKey } from '../segment-log-objects-address.ts';
import { readError } from '../segment-log-objects-reader.ts';
import type { ListedSegment } from '../segment-log-objects-scan.ts';
import { segmentEntries } from '../segment-log-objects-segment.ts';
import { type Compaction, noteDamage } from './compaction.ts';
import type { LeftOutEntry, LeftOutReason } from './join-format.ts';
import { isSegmentGone } from './moved-entries.ts';

/** A segment that was read. */
export interface ReadSource {
  readonly key: SegmentKey;
  readonly bytes: number;
  readonly entries: readonly ScannedEntry[];
}

/** An entry of a source, and where it goes. */
export interface SourceEntry {
  /** In the source. */
  readonly offset: number;
  readonly entry: ScannedEntry;
  /** Which of the entries to write it is; undefined: it is left out. */
  readonly number: number | undefined;
}

/** What a joined segment is made of. */
export interface Selection {
  /** In order. */
  readonly entries: readonly LogEntry[];
  readonly sources: readonly {
    readonly key: SegmentKey;
    readonly bytes: number;
    readonly kept: readonly (SourceEntry & { readonly number: number })[];
    readonly leftOut: readonly LeftOutEntry[];
  }[];
}

/** Records that are judged together. */
const JUDGED_MAX = 1000;

/** Lets so many through in a second. */
export class Pacer {
  readonly #everyMs: number;
  #nextMs = 0;

  constructor(perSecond: number) {
    this.#everyMs = 1000 / perSecond;
  }

  /** Waits for a turn. */
  async turn(): Promise<void> {
    const now = performance.now();
    const at = Math.max(this.#nextMs, now);
    this.#nextMs = at + this.#everyMs;
    if (at - now >= 1) await delay(at - now);
  }
}

/**
 * Reads segments, many at a time, and verifies them. What is damaged is noted and stays out.
 *
 * @returns undefined: one is gone, so somebody else is at it
 * @throws MosaicError `closed` (`compaction-stopped`), and what the store throws
 */
export async function readSources(
  compaction: Compaction,
  segments: readonly ListedSegment[],
  pacer: Pacer,
): Promise<ReadSource[] | undefined> {
  const read = new Array<ReadSource | undefined>(segments.length);
  let next = 0;
  let isGone = false;
  const lane = async (): Promise<void> => {
    while (next < segments.length && !isGone) {
      const i = next++;
      await pacer.turn();
      compaction.assertGoingOn();
      try {
        read[i] = await readSource(compaction, segments[i]!);
      } catch (error) {
        if (isSegmentGone(error)) isGone = true;
        else if (isMosaicError(error) && isUnreadable(error.kind, error.code)) {
          noteDamage(compaction.result, error.message);
        } else throw error;
      }
    }
  };
  const lanes = Array.from({ length: compaction.readsMax }, lane);
  for (const outcome of await Promise.allSettled(lanes)) {
    if (outcome.status === 'rejected') throw outcome.reason;
  }
  return isGone ? undefined : read.filter((each) => each !== undefined);
}

/** Decides what is kept, each record once where it is there several times in the same words. */
export async function select(
  { mayGo }: Pick<Compaction, 'mayGo'>,
  sources: readonly ReadSource[],
): Promise<Selection> {
  const all = sources.flatMap(({ entries }) => entries);
  const reasons = await judge(mayGo, all);
  const entries: LogEntry[] = [];
  const known = new Map<string, number>();
  let at = 0;
  const selected = sources.map(({ key, bytes, entries: own }) => {
    const kept: (SourceEntry & { number: number })[] = [];
    const leftOut: LeftOutEntry[] = [];
    for (const entry of own) {
      const why = reasons[at++];
      const { record, location } = entry;
      const offset = offsetIn(location);
      if (why !== undefined) {
        const { id, address, bytes: recordBytes } = record;
        leftOut.push({ offset, recordBytes: recordBytes.length, why, id, address });
        continue;
      }
      const name = Buffer.from(record.id).toString('latin1');
      const before = known.get(name);
      const isSame = before !== undefined && isEqual(entries[before]!, entry);
      const number = isSame ? before : entries.length;
      if (!isSame) {
        entries.push(entry);
        known.set(name, number);
      }
      kept.push({ offset, entry, number });
    }
    return { key, bytes, kept, leftOut };
  });
  return { entries, sources: selected };
}

/** Asks about records, some at a time. */
export async function judge(
  mayGo: Compaction['mayGo'],
  entries: readonly LogEntry[],
): Promise<(LeftOutReason | undefined)[]> {
  const reasons: (LeftOutReason | undefined)[] = [];
  for (let at = 0; at < entries.length; at += JUDGED_MAX) {
    const some = entries.slice(at, at + JUDGED_MAX);
    reasons.push(...(await mayGo(some.map(({ record }) => record))));
  }
  return reasons;
}

async function readSource(
  { store, role, result }: Compaction,
  { key, name }: ListedSegment,
): Promise<ReadSource> {
  let bytes: Uint8Array;
  try {
    result.requests.get += 1;
    bytes = await store.get(name);
  } catch (error) {
    throw readError(error, name);
  }
  return { key, bytes: bytes.length, entries: segmentEntries({ name, role, key, bytes }) };
}

function isUnreadable(kind: string, code: string): boolean {
  return kind === 'corrupt' || code === 'segment-version';
}

function isEqual(a: LogEntry, b: LogEntry): boolean {
  return (
    a.receivedAt === b.receivedAt && a.held === b.held && equalBytes(a.record.bytes, b.record.bytes)
  );
}
