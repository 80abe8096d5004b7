/**
 * The query engine: turns a filter, or references, into pages of records that the reader may see.
 * A page costs at most its budget, whatever the query; the cursor says where the next one starts.
 */
import type { GetRequest, Page, PageBudget, QueryRequest, ServedRecord } from '@mosaic-cluster/bus';
import {
  compareBytes,
  compileFilter,
  type FilterMatcher,
  MosaicError,
  type PublicKey,
  referenceKind,
  TAG_TYPE,
} from '@mosaic-cluster/protocol';
import {
  type IndexEntry,
  type IndexPath,
  type LogEntry,
  POSITION_BYTES,
  type Position,
  type RecordIndex,
  type SegmentLog,
} from '@mosaic-cluster/store';
import { EntryMerge, type EntrySource } from './entry-merge.ts';
import type { KeyDirectory } from './key-directory.ts';
import {
  type Plan,
  type PlannedPath,
  type PositionRange,
  plansFor,
  receivedSince,
} from './query-plan.ts';
import type { RolePolicy } from './role-policy.ts';

/** What the engine works on. */
export interface RecordReaderDeps {
  readonly policy: RolePolicy;
  readonly index: RecordIndex;
  readonly log: SegmentLog;
  readonly directory: KeyDirectory;
}

/** Entries of a path read to judge how dense it is. */
const PROBE_ENTRIES = 32;
/** A `received since` window with at most this many records is walked by reception. */
const RECEIVED_WINDOW_MAX = 512;
/** Most entries whose records are fetched at once. */
const FETCH_ENTRIES_MAX = 256;

const NOTHING: Page = { records: [], next: undefined, below: undefined };

/** Reads pages of records. */
export class RecordReader {
  readonly #deps: RecordReaderDeps;

  constructor(deps: RecordReaderDeps) {
    this.#deps = deps;
  }

  /**
   * One page of the records that match a filter.
   *
   * @param identities the master keys that the reader acts for; empty: anonymous
   * @throws MosaicError `invalid` (`cursor`, `too-open`), or what the storage throws
   */
  async query(request: QueryRequest, identities: readonly PublicKey[]): Promise<Page> {
    if (!request.filter.isNarrow) {
      throw new MosaicError('invalid', 'too-open', 'the filter has no narrow element');
    }
    const matcher = compileFilter(request.filter);
    const { choice, below } = readCursor(request.cursor);
    const plans = this.#plans(request, identities);
    if (plans.length === 0) return NOTHING;
    const window = choice === undefined || choice === RECEIVED_CHOICE;
    const recent = window ? await this.#receivedWindow(request) : undefined;
    if (recent !== undefined) {
      const merge = new EntryMerge([recent], below, request.budget.records);
      return this.#page(merge, request.budget, RECEIVED_CHOICE, matcher, identities);
    }
    const chosen =
      choice === undefined || choice >= plans.length ? await this.#choose(plans) : choice;
    const sources = plans[chosen]!.map((planned) => pathSource(this.#deps.index, planned));
    const merge = new EntryMerge(sources, below, request.budget.records);
    return this.#page(merge, request.budget, chosen, matcher, identities);
  }

  /**
   * One page of the records that references name.
   *
   * @throws MosaicError `invalid` (`cursor`), or what the storage throws
   */
  async get(request: GetRequest, identities: readonly PublicKey[]): Promise<Page> {
    const { below } = readCursor(request.cursor);
    const ids = request.references.filter((reference) => referenceKind(reference) === 'id');
    const addresses = request.references.filter((each) => referenceKind(each) === 'address');
    const everything: PositionRange = { from: undefined, below: undefined };
    const sources = addresses.map((address) =>
      pathSource(this.#deps.index, { path: { path: 'address', address }, range: everything }),
    );
    if (ids.length > 0) sources.push(await this.#idSource(ids));
    if (sources.length === 0) return NOTHING;
    const merge = new EntryMerge(sources, below, Math.min(request.budget.records, ids.length + 8));
    return this.#page(merge, request.budget, 0, undefined, identities);
  }

  #plans(request: QueryRequest, identities: readonly PublicKey[]): Plan[] {
    const plans = plansFor(request.filter);
    if (!this.#deps.policy.isPrivate || plans.length === 0) return plans;
    const [range] = plans[0]!.map((planned) => planned.range);
    const isMoment = request.filter.element('timestamps') !== undefined;
    const whole: PositionRange = { from: undefined, below: undefined };
    const readable = identities.flatMap((key): PlannedPath[] =>
      readerPaths(key).map((path) => ({ path, range: isMoment ? whole : (range ?? whole) })),
    );
    return readable.length === 0 ? [] : [readable];
  }

  /** The plan whose candidates lie thinnest, judged by the newest of its first path. */
  async #choose(plans: readonly Plan[]): Promise<number> {
    if (plans.length === 1) return 0;
    const probes = await Promise.all(
      plans.map(async (plan) => {
        const { path, range } = plan[0]!;
        const entries = await this.#deps.index.scan(path, { ...range, limit: PROBE_ENTRIES });
        return entries.length < PROBE_ENTRIES ? undefined : entries.at(-1)!.position;
      }),
    );
    let best = 0;
    for (let i = 0; i < plans.length; i++) {
      const probe = probes[i];
      const bestProbe = probes[best];
      if (probe === undefined) {
        if (bestProbe !== undefined || plans[i]!.length < plans[best]!.length) best = i;
      } else if (bestProbe !== undefined && compareBytes(probe, bestProbe) < 0) {
        best = i;
      }
    }
    return best;
  }

  /** What came in since the filter's `receivedSince`, where that is little; else undefined. */
  async #receivedWindow(request: QueryRequest): Promise<EntrySource | undefined> {
    if (this.#deps.policy.isPrivate || receivedSince(request.filter) === undefined) {
      return undefined;
    }
    const since = request.filter.element('receivedSince')!.entries[0]!;
    const from = new Uint8Array(8 + POSITION_BYTES);
    from.set(since);
    const limit = RECEIVED_WINDOW_MAX + 1;
    const entries = await this.#deps.index.scan({ path: 'received' }, { from, limit });
    if (entries.length > RECEIVED_WINDOW_MAX) return undefined;
    return listSource(entries.map((entry) => ({ ...entry, position: entry.position.subarray(8) })));
  }

  async #idSource(ids: readonly Uint8Array[]): Promise<EntrySource> {
    const entries = await this.#deps.index.lookup(ids);
    return listSource(entries.filter((entry) => entry !== undefined));
  }

  /** Walks candidates until the budget is spent or there are no more. */
  async #page(
    merge: EntryMerge,
    budget: PageBudget,
    choice: number,
    matcher: FilterMatcher | undefined,
    identities: readonly PublicKey[],
  ): Promise<Page> {
    const records: ServedRecord[] = [];
    let bytes = 0;
    let scanned = 0;
    for (;;) {
      const wanted = Math.min(
        Math.max(budget.records - records.length, scanned, 1),
        Math.max(budget.scanned - scanned, 1),
        FETCH_ENTRIES_MAX,
      );
      const entries = await merge.take(wanted);
      const isEnd = entries.length < wanted;
      const fetched = await this.#fetch(entries);
      for (let i = 0; i < entries.length; i++) {
        const { position, held } = entries[i]!;
        scanned += 1;
        const entry = fetched[i]!;
        if (!(await this.#isServed(entry, held, matcher, identities))) continue;
        records.push(entry);
        bytes += entry.record.bytes.length;
        if (records.length < budget.records && bytes < budget.bytes) continue;
        if (isEnd && i === entries.length - 1) break;
        return { records, next: writeCursor(choice, position), below: position };
      }
      const last = entries.at(-1)?.position;
      if (isEnd || last === undefined) return { records, next: undefined, below: undefined };
      if (scanned >= budget.scanned) {
        return { records, next: writeCursor(choice, last), below: last };
      }
    }
  }

  async #fetch(entries: readonly IndexEntry[]): Promise<readonly LogEntry[]> {
    const { log } = this.#deps;
    const found: (LogEntry | undefined)[] = entries.map((entry) => log.peek(entry.location));
    const missing = entries.flatMap((_, i) => (found[i] === undefined ? [i] : []));
    if (missing.length > 0) {
      const read = await log.read(missing.map((i) => entries[i]!.location));
      missing.forEach((at, i) => {
        found[at] = read[i];
      });
    }
    return found as readonly LogEntry[];
  }

  #isServed(
    entry: LogEntry,
    held: boolean,
    matcher: FilterMatcher | undefined,
    identities: readonly PublicKey[],
  ): boolean | Promise<boolean> {
    const { policy, directory } = this.#deps;
    if (matcher !== undefined && !matcher.matches(entry.record, entry.receivedAt)) return false;
    if (!policy.mayRead({ record: entry.record, held }, identities)) return false;
    return (
      directory.admitsNow(entry.record, entry.receivedAt) ??
      directory.admits(entry.record, entry.receivedAt)
    );
  }
}

/** Every private record that `key` may read: its own and those that notify it. */
function readerPaths(key: PublicKey): IndexPath[] {
  const tag = new Uint8Array(38);
  tag[0] = TAG_TYPE.notify;
  tag.set(key, 6);
  return [
    { path: 'author', author: key },
    { path: 'tag', tag },
  ];
}

function pathSource(index: RecordIndex, planned: PlannedPath): EntrySource {
  const { path, range } = planned;
  return {
    next: (below, limit) =>
      index.scan(path, { from: range.from, below: lower(below, range.below), limit }),
  };
}

function lower(a: Position | undefined, b: Position | undefined): Position | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return compareBytes(a, b) < 0 ? a : b;
}

function listSource(unordered: readonly IndexEntry[]): EntrySource {
  const entries = unordered.toSorted((a, b) => compareBytes(b.position, a.position));
  return {
    next: async (below, limit) => {
      const start =
        below === undefined
          ? 0
          : entries.findIndex((entry) => compareBytes(entry.position, below) < 0);
      return start < 0 ? [] : entries.slice(start, start + limit);
    },
  };
}

/** In place of a plan's number: the records were found by when they were received. */
const RECEIVED_CHOICE = 0xff;

function writeCursor(choice: number, position: Position): Uint8Array {
  const cursor = new Uint8Array(1 + POSITION_BYTES);
  cursor[0] = choice;
  cursor.set(position.subarray(0, POSITION_BYTES), 1);
  return cursor;
}

function readCursor(cursor: Uint8Array | undefined): {
  choice: number | undefined;
  below: Position | undefined;
} {
  if (cursor === undefined) return { choice: undefined, below: undefined };
  if (cursor.length !== 1 + POSITION_BYTES) {
    throw new MosaicError('invalid', 'cursor', 'the cursor is none of this role');
  }
  return { choice: cursor[0]!, below: cursor.subarray(1) };
}
