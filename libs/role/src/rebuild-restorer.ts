/**
 * Adds log entries to an index in any order: unique records as they come, and of those that share a
 * replaceable address the newest in the end, whichever is met first.
 */
import { compareBytes, type RecordView } from '@mosaic-cluster/protocol';
import {
  type IndexAddition,
  type IndexedRecord,
  type IndexEntry,
  type Location,
  POSITION_BYTES,
  type Position,
  type RecordIndex,
  type ScannedEntry,
  type SegmentLog,
} from '@mosaic-cluster/store';
import { setTimeout as delay } from 'node:timers/promises';
import { contended } from './index-writer.ts';
import { WeightedMap } from './weighted-map.ts';

/**
 * Two records of one address of which the one that is newer was logged earlier. The older one was stored
 * after it, so the newer one was not valid then; whether it is must be asked when all key schedules
 * are in the index.
 */
export interface Contest {
  readonly locations: readonly [Location, Location];
}

/** What became of some entries. */
export interface Restored {
  readonly added: number;
  readonly contests: readonly Contest[];
}

/** What entries are added to. */
export interface EntryRestorerOptions {
  readonly index: RecordIndex;
  readonly log: SegmentLog;
}

/** Looks at an address before somebody else is said to take it again and again. */
const ATTEMPTS_MAX = 16;
const PAUSE_MS_MAX = 250;
/** Replaceable records kept in memory: the next one of their address has to name them. */
const HOLDERS_MAX = 50_000;
const HOLDER_BYTES_MAX = 32 * 1024 * 1024;
/** Addresses that are looked at at the same time. */
const LOOKS_MAX = 64;

/** Adds entries to one index. */
export class EntryRestorer {
  readonly #index: RecordIndex;
  readonly #log: SegmentLog;
  readonly #holders = new WeightedMap<IndexedRecord>({
    entriesMax: HOLDERS_MAX,
    weightMax: HOLDER_BYTES_MAX,
  });

  constructor({ index, log }: EntryRestorerOptions) {
    this.#index = index;
    this.#log = log;
  }

  /**
   * Adds entries.
   *
   * @throws MosaicError `conflict` (`address`) where somebody else took an address at every attempt
   */
  async restore(entries: readonly ScannedEntry[]): Promise<Restored> {
    const contests: Contest[] = [];
    const first = await this.#add(entries, entries);
    let { added } = first;
    let open = first.open;
    for (let attempt = 0; open.length > 0; attempt++) {
      if (attempt === ATTEMPTS_MAX) throw contended();
      if (attempt > 0) await delay(Math.min(2 ** attempt, PAUSE_MS_MAX) * Math.random());
      const challengers: ScannedEntry[] = [];
      const additions: IndexAddition[] = [];
      for (let at = 0; at < open.length; at += LOOKS_MAX) {
        const some = open.slice(at, at + LOOKS_MAX);
        const looks = await Promise.all(some.map((entry) => this.#challenge(entry)));
        for (let i = 0; i < some.length; i++) {
          const look = looks[i];
          if (look === undefined) continue;
          if ('locations' in look) {
            contests.push(look);
            continue;
          }
          challengers.push(some[i]!);
          additions.push(look);
        }
      }
      const next = await this.#add(challengers, additions);
      added += next.added;
      open = next.open;
    }
    return { added, contests };
  }

  /** Adds what can be added without asking; the others are open. */
  async #add(
    entries: readonly ScannedEntry[],
    additions: readonly IndexAddition[],
  ): Promise<{ added: number; open: ScannedEntry[] }> {
    const outcomes = additions.length === 0 ? [] : await this.#index.restore(additions);
    const open: ScannedEntry[] = [];
    let added = 0;
    entries.forEach((entry, i) => {
      const outcome = outcomes[i]!;
      if (outcome === 'added') {
        added += 1;
        this.#keep(entry);
      } else if (outcome !== 'duplicate') open.push(entry);
    });
    return { added, open };
  }

  /**
   * Looks who has the address of an entry.
   *
   * @returns how to take it; or what will have to decide later; undefined: there is nothing to take
   */
  async #challenge(entry: ScannedEntry): Promise<IndexAddition | Contest | undefined> {
    const { record, location } = entry;
    if (record.duplicateHandling !== 'replaceable') return entry;
    const path = { path: 'address', address: record.address } as const;
    const [holder] = await this.#index.scan(path, { limit: 1 });
    if (holder === undefined) return entry;
    const order = compareBytes(positionOf(record), holder.position);
    if (order === 0) return undefined;
    const isSure = order > 0 && record.signedByAuthor;
    const contest = (): Contest => {
      return { locations: [Uint8Array.from(location), Uint8Array.from(holder.location)] };
    };
    if (!isSure && isInverted(entry, holder)) return contest();
    if (order < 0) return undefined;
    const replaces = await this.#read(holder);
    // Places do not say it where one was met in a joined segment, and the other in one of its sources.
    if (!isSure && replaces.receivedAt > entry.receivedAt) return contest();
    const { receivedAt, held } = entry;
    return { record, receivedAt, location, held, replaces };
  }

  async #read(holder: IndexEntry): Promise<IndexedRecord> {
    const known = this.#holders.get(nameOf(holder.position));
    return known ?? (await this.#log.read([holder.location]))[0]!;
  }

  #keep({ record, receivedAt }: ScannedEntry): void {
    if (record.duplicateHandling !== 'replaceable') return;
    const copy = { record: record.copy(), receivedAt };
    this.#holders.set(nameOf(positionOf(record)), copy, record.bytes.length);
  }
}

// Locations sort as commits do.
function isInverted({ record, location }: ScannedEntry, holder: IndexEntry): boolean {
  const isNewer = compareBytes(positionOf(record), holder.position) > 0;
  return isNewer !== compareBytes(location, holder.location) > 0;
}

function positionOf(record: RecordView): Position {
  return record.bytes.subarray(0, POSITION_BYTES);
}

function nameOf(position: Position): string {
  return Buffer.from(position.buffer, position.byteOffset, position.length).toString('latin1');
}
