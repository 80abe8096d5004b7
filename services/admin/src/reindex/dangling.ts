/**
 * Finds the entries of a shared index that do not lead to what they name: where segments were lost or
 * restored, where Redis came back from another time. They are taken out before the index is brought up to
 * the log, which then adds what of it is there in another place.
 */
import { interruptedError } from '@mosaic-cluster/client/command';
import { hexDecode, hexEncode } from '@mosaic-cluster/protocol';
import {
  type IndexEntry,
  type LogReader,
  type Position,
  POSITION_BYTES,
  type RebuildClaim,
  type RedisRecordIndex,
} from '@mosaic-cluster/store';
import { entryFault, readStored } from '../verify/entry-fault.ts';

/** Where to look, and whom to tell. */
export interface DanglingOptions {
  readonly index: RedisRecordIndex;
  readonly log: LogReader;
  readonly signal: AbortSignal;
  /** Told of how many entries were looked at, of about how many. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Entries that are looked at together. */
const PAGE_ENTRIES = 512;
/** Pages between two notes of how far it is. */
const PAGES_NOTED = 32;
const NOTE = ':dangling ';
const DONE = 'done';
/** Each entry is on the first two of them. Rows may be missing on one. */
const PATHS = ['all', 'received', 'held'] as const;

/**
 * Counts entries that lead nowhere.
 *
 * @throws MosaicError `closed` (`interrupted`), `unavailable`
 */
export async function countDangling(options: DanglingOptions): Promise<number> {
  const names = new Set<string>();
  for (const path of PATHS) {
    for await (const { entries } of danglingOn(path, options, undefined)) {
      for (const { position } of entries) names.add(hexEncode(position.subarray(-POSITION_BYTES)));
    }
  }
  return names.size;
}

/**
 * Takes entries out that lead nowhere, from where an interrupted run was.
 *
 * @returns how many
 * @throws MosaicError `closed` (`interrupted`), `conflict` (`rebuild-lost`), `unavailable`
 */
export async function removeDangling(
  options: DanglingOptions,
  claim: Pick<RebuildClaim, 'note' | 'notes'>,
): Promise<number> {
  let removed = 0;
  for (const path of PATHS) {
    const noted = claim.notes.get(NOTE + path);
    const from = noted === undefined ? undefined : Buffer.from(noted).toString();
    if (from === DONE) continue;
    let pages = 0;
    for await (const { entries, position } of danglingOn(path, options, from)) {
      removed += await options.index.evict(entries);
      pages += 1;
      if (pages % PAGES_NOTED === 0) await claim.note(NOTE + path, Buffer.from(position));
    }
    await claim.note(NOTE + path, Buffer.from(DONE));
  }
  return removed;
}

interface Page {
  /** Those that lead nowhere. */
  readonly entries: readonly IndexEntry[];
  /** Where the page ends, in hexadecimal. */
  readonly position: string;
}

async function* danglingOn(
  path: (typeof PATHS)[number],
  { index, log, signal, onProgress }: DanglingOptions,
  from: string | undefined,
): AsyncGenerator<Page> {
  const total = await index.count();
  let below: Position | undefined = from === undefined ? undefined : hexDecode(from);
  for (let done = 0; ; ) {
    if (signal.aborted) throw interruptedError();
    const page = await index.scan({ path }, { below, limit: PAGE_ENTRIES });
    const last = page.at(-1);
    if (last === undefined) return;
    const stored = await readStored(log, page);
    const entries = page.filter(
      (entry, i) => entryFault(entry, stored[i]!, { path }) !== undefined,
    );
    done += page.length;
    onProgress(done, total);
    yield { entries, position: hexEncode(last.position) };
    if (page.length < PAGE_ENTRIES) return;
    below = last.position;
  }
}
