/**
 * The query engine: turns a filter, or references, into pages of records that the reader may see.
 * A page costs at most its budget, whatever the query; the cursor says where the next one starts.
 */
import type { GetRequest, Page, PageBudget, QueryRequest } from '@mosaic-cluster/bus';
import {
  compareBytes,
  compileFilter,
  equalBytes,
  type FilterMatcher,
  hexEncode,
  MosaicError,
  type PublicKey,
  type Reference,
  referenceKind,
} from '@mosaic-cluster/protocol';
import type { IndexPath, RecordIndex, SegmentLog } from '@mosaic-cluster/store';
import { RECEIVED_CHOICE, readCursor } from './cursor.ts';
import { EntryMerge } from './entry-merge.ts';
import { type EntrySource, idSource, listSource, pathSource } from './entry-source.ts';
import type { KeyDirectory } from './key-directory.ts';
import { PageWalk } from './page-walk.ts';
import {
  type Plan,
  notifiedPaths,
  plansFor,
  type PositionRange,
  readerPlan,
  receivedRange,
} from './query-plan.ts';
import { ReadingTurns } from './reading-turns.ts';
import { idleWatch, type RequestWatch } from './request-watch.ts';
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
/** A window of reception with at most this many records is walked by reception. */
const RECEIVED_WINDOW_MAX = 512;

/** Paths from which on a shared index is counted before they are walked. */
const PATHS_COUNTED = 16;

const NOTHING: Page = { records: [], next: undefined, below: undefined };
const EVERYTHING: PositionRange = { from: undefined, below: undefined };

/** A way to walk. */
interface Choice {
  readonly number: number;
  readonly sources: readonly EntrySource[];
  /** Index entries read to choose it. */
  readonly probed: number;
}

/** Reads pages of records: the first of an answer at once, those that follow in turns. */
export class RecordReader {
  readonly #deps: RecordReaderDeps;
  readonly #turns: ReadingTurns = new ReadingTurns();
  /** Set once there are records; where there are none, no path has to be walked to know it. */
  #hasRecords = false;

  constructor(deps: RecordReaderDeps) {
    this.#deps = deps;
  }

  /**
   * One page of the records that match a filter.
   *
   * @param identities the master keys that the reader acts for; empty: anonymous
   * @throws MosaicError `invalid` (`cursor`, `too-open`), or what the storage throws
   */
  async query(
    request: QueryRequest,
    identities: readonly PublicKey[],
    watch: RequestWatch = idleWatch(),
  ): Promise<Page> {
    const { filter, budget } = request;
    const { index } = this.#deps;
    if (!filter.isNarrow) {
      throw new MosaicError('invalid', 'too-open', 'the filter has no narrow element');
    }
    const { choice, below } = readCursor(request.cursor);
    const plans = plansFor(filter);
    if (plans.length === 0 || (await this.#isEmpty(plans[0]!.length))) return NOTHING;
    if (request.cursor !== undefined) await watch.adding('wait', () => this.#turns.next());
    const { number, sources, probed } = this.#deps.policy.isPrivate
      ? this.#follow(0, readerPlan(filter, identities))
      : await watch.adding('find', () => this.#choose(request, plans, choice));
    if (sources.length === 0) return NOTHING;
    const reading = { index, turns: this.#turns };
    return new PageWalk({
      ...this.#deps,
      turns: this.#turns,
      merge: new EntryMerge(sources, below, Math.min(budget.records, budget.scanned), reading),
      budget,
      probed,
      choice: number,
      matcher: compileFilter(filter),
      identities,
      watch,
    }).fill();
  }

  /**
   * One page of the records that references name.
   *
   * @throws MosaicError `invalid` (`cursor`), or what the storage throws
   */
  async get(
    request: GetRequest,
    identities: readonly PublicKey[],
    watch: RequestWatch = idleWatch(),
  ): Promise<Page> {
    const { references, budget } = request;
    const { index, policy } = this.#deps;
    const { below } = readCursor(request.cursor);
    if (policy.isPrivate && identities.length === 0) return NOTHING;
    if (await this.#isEmpty(references.length)) return NOTHING;
    if (request.cursor !== undefined) await watch.adding('wait', () => this.#turns.next());
    const ids = references.filter((reference) => referenceKind(reference) === 'id');
    const addresses = references.filter((reference) => referenceKind(reference) === 'address');
    // What lies at somebody else's private address must not even cost time: there, only what
    // notifies the reader is looked at.
    const isWalked = (address: Reference): boolean =>
      !policy.isPrivate || identities.some((key) => equalBytes(key, address.subarray(16)));
    const paths = addresses
      .filter(isWalked)
      .map((address): IndexPath => ({ path: 'address', address }));
    const foreign = addresses.filter((address) => !isWalked(address));
    if (foreign.length > 0) paths.push(...notifiedPaths(identities));
    const sources = paths.map((path) => pathSource(index, { path, range: EVERYTHING }));
    if (ids.length > 0) sources.push(idSource(index, ids, this.#turns));
    if (sources.length === 0) return NOTHING;
    // One more than there can be: so it shows that there are no more, and nobody asks again.
    const wanted = Math.min(budget.records, budget.scanned, references.length) + 1;
    // A shared index knows a record by most bytes of its ID, not by all.
    const isExact = foreign.length === 0 && (ids.length === 0 || !index.isShared);
    const reading = { index, turns: this.#turns };
    return new PageWalk({
      ...this.#deps,
      turns: this.#turns,
      merge: new EntryMerge(sources, below, wanted, reading),
      budget,
      probed: 0,
      choice: 0,
      matcher: isExact ? undefined : namedBy(references),
      identities,
      watch,
    }).fill();
  }

  /** @param paths so many would be walked in vain: counting a shared index takes longer than a few */
  async #isEmpty(paths: number): Promise<boolean> {
    const { index } = this.#deps;
    if (this.#hasRecords || (index.isShared && paths < PATHS_COUNTED)) return false;
    this.#hasRecords = (await index.count()) > 0;
    return !this.#hasRecords;
  }

  /** The way to walk: the one that the cursor says, or the one that looks shortest. */
  async #choose(
    request: QueryRequest,
    plans: readonly Plan[],
    chosen: number | undefined,
  ): Promise<Choice> {
    let probed = 0;
    if (chosen === undefined || chosen === RECEIVED_CHOICE) {
      const { read, source } = await this.#receivedWindow(request);
      if (source !== undefined) return { number: RECEIVED_CHOICE, sources: [source], probed: read };
      probed += read;
    }
    if (chosen !== undefined && chosen < plans.length) {
      return this.#follow(chosen, plans[chosen]!, probed);
    }
    const { number, read } = await this.#thinnest(plans, request.budget);
    return this.#follow(number, plans[number]!, probed + read);
  }

  #follow(number: number, plan: Plan, probed = 0): Choice {
    const sources = plan.map((planned) => pathSource(this.#deps.index, planned));
    return { number, sources, probed };
  }

  /** The plan whose candidates lie thinnest, judged by the newest of its first path. */
  async #thinnest(
    plans: readonly Plan[],
    budget: PageBudget,
  ): Promise<{ number: number; read: number }> {
    if (plans.length === 1) return { number: 0, read: 0 };
    let read = 0;
    const limit = Math.min(PROBE_ENTRIES, Math.max(budget.scanned, 1));
    const probes = await Promise.all(
      plans.map(async (plan) => {
        const { path, range } = plan[0]!;
        const entries = await this.#deps.index.scan(path, { ...range, limit });
        read += 1 + entries.length;
        return entries.length < limit ? undefined : entries.at(-1)!.position;
      }),
    );
    let best = 0;
    for (let i = 1; i < plans.length; i++) {
      const probe = probes[i];
      const bestProbe = probes[best];
      if (probe === undefined) {
        if (bestProbe !== undefined || plans[i]!.length < plans[best]!.length) best = i;
      } else if (bestProbe !== undefined && compareBytes(probe, bestProbe) < 0) {
        best = i;
      }
    }
    return { number: best, read };
  }

  /** What came in within the filter's window of reception, where that is little; else undefined. */
  async #receivedWindow({
    filter,
  }: QueryRequest): Promise<{ read: number; source: EntrySource | undefined }> {
    const range = receivedRange(filter);
    if (range === undefined) return { read: 0, source: undefined };
    const limit = RECEIVED_WINDOW_MAX + 1;
    const entries = await this.#deps.index.scan({ path: 'received' }, { ...range, limit });
    const read = 1 + entries.length;
    if (entries.length > RECEIVED_WINDOW_MAX) return { read, source: undefined };
    const source = listSource(
      entries.map(({ position, location, held }) => ({
        position: position.subarray(8),
        location,
        held,
      })),
    );
    return { read, source };
  }
}

/** Matches the records that references name. */
function namedBy(references: readonly Reference[]): Pick<FilterMatcher, 'matches'> {
  const names = new Set(references.map((reference) => hexEncode(reference)));
  return {
    matches: (record) => names.has(hexEncode(record.id)) || names.has(hexEncode(record.address)),
  };
}
