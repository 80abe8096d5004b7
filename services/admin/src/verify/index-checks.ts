/**
 * Asks the index what the log says: every record by its ID, those of the sample on each of their
 * paths. What a running server changes between two questions is asked again, not reported.
 */
import { compareBytes, equalBytes, hexEncode } from '@mosaic-cluster/protocol';
import {
  type IndexEntry,
  indexPathsOf,
  type LogPosition,
  POSITION_BYTES,
  type RecordIndex,
  type ScannedEntry,
} from '@mosaic-cluster/store';
import { entryFault, readStored } from './entry-fault.ts';
import { entriesFrom, positionOn } from './path-position.ts';
import { type RoleContext, tell } from './role-context.ts';

/** Neighbours on a path that are looked at for each record of the sample. */
const NEIGHBOURS = 4;

/** Neighbours that lead nowhere and are told; the rest of such an index is no better. */
const TOLD_MAX = 1000;

/** Checks batches of log entries against an index. */
export class IndexChecks {
  readonly #context: RoleContext;
  readonly #index: RecordIndex;
  readonly #told = new Set<string>();
  /** Up to where the index followed the log when it was last asked. */
  #applied: LogPosition | undefined;

  constructor(context: RoleContext, index: RecordIndex) {
    this.#context = context;
    this.#index = index;
  }

  /** @param ends per entry, behind its commit */
  async check(entries: readonly ScannedEntry[], ends: readonly LogPosition[]): Promise<void> {
    const { counts } = this.#context.state;
    const { log } = this.#context.holding;
    const reaches = (end: LogPosition): boolean =>
      this.#applied !== undefined && log.isDue(end, this.#applied);
    if (!reaches(ends.at(-1)!)) this.#applied = await this.#index.appliedTo();
    const expected = entries.filter((_, i) => reaches(ends[i]!));
    counts.unindexed += entries.length - expected.length;
    const found = await this.#index.lookup(expected.map(({ record }) => record.id));
    const removed = await this.#context.removed.areRemoved(expected.map(({ record }) => record.id));
    for (const [i, entry] of expected.entries()) {
      if (removed[i] === true) await this.#checkRemoved(entry, found[i]);
      else await this.#checkFound(entry, found[i]);
    }
  }

  async #checkFound(entry: ScannedEntry, found: IndexEntry | undefined): Promise<void> {
    const { checks, state } = this.#context;
    if (found === undefined) {
      await this.#checkAbsent(entry);
      return;
    }
    const isHere = equalBytes(found.location, entry.location);
    if (!isHere) {
      await this.#checkElsewhere(entry, found);
      return;
    }
    if (found.held !== entry.held) {
      const said = found.held ? 'held' : 'not held';
      this.#tell('index-wrong', entry, `the index says that it is ${said}, the log otherwise`);
      return;
    }
    state.counts.found += 1;
    if (checks.isSampled(entry.record)) await this.#checkPaths(entry);
  }

  /** A running server may take it out only after the index was asked. */
  async #checkRemoved(entry: ScannedEntry, found: IndexEntry | undefined): Promise<void> {
    const isGone =
      found === undefined || (await this.#index.lookup([entry.record.id]))[0] === undefined;
    if (isGone) this.#context.state.counts.removed += 1;
    else this.#tell('index-removed', entry, 'the index finds it, though an operator removed it');
  }

  /** The log may hold a record twice: then the index may have the other copy. */
  async #checkElsewhere(entry: ScannedEntry, found: IndexEntry): Promise<void> {
    const [stored] = await readStored(this.#context.holding.log, [found]);
    const fault = entryFault(found, stored!, { path: 'all' }, entry.record.id);
    if (fault === undefined) this.#context.state.counts.found += 1;
    else this.#tell('index-wrong', entry, `the index leads elsewhere, where ${fault}`);
  }

  async #checkAbsent(entry: ScannedEntry): Promise<void> {
    const { state, directory } = this.#context;
    const { record, receivedAt } = entry;
    if (record.duplicateHandling === 'replaceable') {
      const [isReplacedByRemoved] = await this.#context.removed.areReplaced([record]);
      if (isReplacedByRemoved === true) {
        state.counts.replaced += 1;
        return;
      }
      const [holder] = await this.#index.scan(
        { path: 'address', address: record.address },
        { limit: 1 },
      );
      const own = record.bytes.subarray(0, POSITION_BYTES);
      // An older one that was stored later took the place of one that a revocation had made invalid.
      const isReplaced =
        holder !== undefined &&
        (compareBytes(holder.position, own) > 0 ||
          compareBytes(holder.location, entry.location) > 0);
      if (isReplaced) {
        state.counts.replaced += 1;
        return;
      }
      if (!(await directory.admits(record, receivedAt))) {
        state.counts.revoked += 1;
        return;
      }
    }
    this.#tell('index-missing', entry, 'the index does not find it');
  }

  async #checkPaths(entry: ScannedEntry): Promise<void> {
    const { holding, damages, state } = this.#context;
    const { log } = holding;
    state.counts.paths += 1;
    for (const path of indexPathsOf(entry.record)) {
      const position = positionOn(path, entry);
      // The other two are walked from end to end later.
      const more = path.path === 'all' || path.path === 'received' ? 0 : NEIGHBOURS;
      const { entry: found, others } = await entriesFrom(this.#index, path, position, more);
      if (found === undefined || !(await this.#isAt(found, entry))) {
        if (!(await this.#isGone(entry))) {
          const what = `the index does not find it on path ${path.path}`;
          this.#tell('index-path', entry, what, path.path);
        }
        continue;
      }
      const stored = await readStored(log, others);
      for (const [i, other] of others.entries()) {
        const fault = entryFault(other, stored[i]!, path);
        // What is damaged is reported where the whole index is walked.
        if (fault === undefined || damages.hits(log.place(other.location))) continue;
        const again = await entriesFrom(this.#index, path, other.position, 0);
        if (again.entry !== undefined) this.#tellDangling(other, path.path, fault);
      }
    }
  }

  /** Whether an entry leads to a record; where to may have changed since it was looked up. */
  async #isAt(found: IndexEntry, { record, location }: ScannedEntry): Promise<boolean> {
    if (equalBytes(found.location, location)) return true;
    const [stored] = await readStored(this.#context.holding.log, [found]);
    return entryFault(found, stored!, { path: 'all' }, record.id) === undefined;
  }

  /** Whether a running server has replaced the record since. */
  async #isGone({ record }: ScannedEntry): Promise<boolean> {
    const [found] = await this.#index.lookup([record.id]);
    return found === undefined && record.duplicateHandling === 'replaceable';
  }

  #tellDangling({ position }: IndexEntry, path: string, fault: string): void {
    const id = hexEncode(position.subarray(-POSITION_BYTES));
    // It is a neighbour of many.
    const name = `${id} ${path}`;
    if (this.#told.has(name) || this.#told.size >= TOLD_MAX) return;
    this.#told.add(name);
    const what = `an entry for ${id}… on path ${path} leads to where ${fault}`;
    tell(this.#context, { kind: 'index-dangling', what, id, path });
  }

  #tell(
    kind: 'index-missing' | 'index-wrong' | 'index-path' | 'index-removed',
    { record, location }: ScannedEntry,
    what: string,
    path?: string,
  ): void {
    const id = hexEncode(record.id);
    const { segment, offset } = this.#context.holding.log.place(location);
    const whole = `${id}, which is in ${segment} at byte ${offset}: ${what}`;
    const place = { segment, offset, id, ...(path === undefined ? {} : { path }) };
    tell(this.#context, { kind, what: whole, ...place });
  }
}
