/**
 * Records that an operator took out for everybody, in every role: kept in the registry by their IDs,
 * so that neither a new submission nor an index that is made anew brings them back. A record may be
 * named before it ever arrives.
 */
import {
  MosaicError,
  REFERENCE_BYTES,
  type Reference,
  referenceKind,
} from '@mosaic-cluster/protocol';
import {
  type Changed,
  type Fact,
  FACT_PAGE_MAX,
  type FactChange,
  type Registry,
} from '@mosaic-cluster/store';

/** The collection of the registry that removed records are in, by record ID. */
export const REMOVED_COLLECTION = 'removed-records';
/** Most bytes of the name of whoever removed a record, in UTF-8. */
export const REMOVED_BY_BYTES_MAX = 255;
/** Most bytes of the reason, in UTF-8. */
export const REMOVED_REASON_BYTES_MAX = 1024;

/** Why a record is gone. */
export interface Removal {
  readonly id: Reference;
  /** Empty: not said. */
  readonly removedBy: string;
  /** Empty: not said. */
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly removedAtMs: number;
}

/** Whom and what to note with a removal, for the operator. */
export interface RemovalNote {
  readonly removedBy?: string | undefined;
  readonly reason?: string | undefined;
}

/** Where a worker looks up what was removed. */
export interface RemovalLookup {
  /**
   * Whether records were removed, by their IDs, in order. A promise where it is not in memory.
   *
   * @throws MosaicError as `Registry.get`, by the promise
   */
  areRemoved(ids: readonly Reference[]): readonly boolean[] | Promise<readonly boolean[]>;
}

/** For where no registry is at hand. */
export const NOTHING_REMOVED: RemovalLookup = { areRemoved: (ids) => ids.map(() => false) };

const FORMAT = 1;
const HEAD_BYTES = 2;

/** Reads and changes what was removed. */
export class RemovedRecords implements RemovalLookup {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  areRemoved(ids: readonly Reference[]): readonly boolean[] | Promise<readonly boolean[]> {
    const removed = new Array<boolean>(ids.length);
    const unknown: number[] = [];
    ids.forEach((id, i) => {
      const fact = this.#registry.peek(REMOVED_COLLECTION, id);
      if (fact === undefined) unknown.push(i);
      else removed[i] = fact !== null;
    });
    return unknown.length === 0 ? removed : this.#ask(ids, unknown, removed);
  }

  /** What is known of up to 1,000 records; undefined: not removed. Throws as `Registry.get`. */
  async find(ids: readonly Reference[]): Promise<(Removal | undefined)[]> {
    const facts = await this.#registry.get(REMOVED_COLLECTION, ids);
    return facts.map((fact) => fact && decodeRemoval(fact));
  }

  /** Up to 1,000 removals in the order of the IDs, behind an ID. Throws as `Registry.list`. */
  async list(
    after?: Reference,
    limit: number = FACT_PAGE_MAX,
  ): Promise<{ removals: readonly Removal[]; hasMore: boolean }> {
    const page = await this.#registry.list({ collection: REMOVED_COLLECTION, after, limit });
    return { removals: page.facts.map(decodeRemoval), hasMore: page.hasMore };
  }

  /**
   * Removes up to 10,000 records, whether they are held or not. Running workers take them out of
   * their indexes within a second or two; their bytes stay in the segments.
   *
   * @throws MosaicError `invalid` (`removal`), or as `Registry.change`
   */
  remove(ids: readonly Reference[], note: RemovalNote = {}): Promise<Changed> {
    return this.#registry.change(removalsOf(ids, note));
  }

  async #ask(
    ids: readonly Reference[],
    unknown: readonly number[],
    removed: boolean[],
  ): Promise<readonly boolean[]> {
    for (let at = 0; at < unknown.length; at += FACT_PAGE_MAX) {
      const some = unknown.slice(at, at + FACT_PAGE_MAX);
      const facts = await this.#registry.get(
        REMOVED_COLLECTION,
        some.map((i) => ids[i]!),
      );
      some.forEach((i, n) => {
        removed[i] = facts[n] !== undefined;
      });
    }
    return removed;
  }
}

/**
 * The changes that remove records, for who changes something else together with them.
 *
 * @throws MosaicError `invalid` (`removal`) for what is no ID, or a note that is too long
 */
export function removalsOf(
  ids: readonly Reference[],
  { removedBy = '', reason = '' }: RemovalNote,
): FactChange[] {
  const by = Buffer.from(removedBy);
  const text = Buffer.from(reason);
  if (by.length > REMOVED_BY_BYTES_MAX || text.length > REMOVED_REASON_BYTES_MAX) {
    throw removalFault(
      `the reason of a removal has at most ${REMOVED_REASON_BYTES_MAX} bytes, and the name of whoever removes ${REMOVED_BY_BYTES_MAX}`,
    );
  }
  const value = Buffer.concat([Buffer.of(FORMAT, by.length), by, text]);
  return ids.map((key) => {
    if (key.length !== REFERENCE_BYTES || referenceKind(key) !== 'id') {
      throw removalFault('records are removed by their IDs of 48 bytes, not by addresses');
    }
    return { collection: REMOVED_COLLECTION, key, value };
  });
}

/** The IDs of the records that changes to the registry remove. */
export function removedRecords(news: readonly FactChange[]): Reference[] {
  return news
    .filter(({ collection, value }) => collection === REMOVED_COLLECTION && value !== undefined)
    .map(({ key }) => key);
}

function removalFault(message: string): MosaicError {
  return new MosaicError('invalid', 'removal', message);
}

/** `[format 1: 1] [bytes of the name 1] [name] [reason]`. */
function decodeRemoval({ key, value, changedAtMs }: Fact): Removal {
  // What a newer version wrote in another way: removed all the same.
  if (value[0] !== FORMAT) return { id: key, removedBy: '', reason: '', removedAtMs: changedAtMs };
  const reasonAt = HEAD_BYTES + (value[1] ?? 0);
  const text = (start: number, end?: number): string =>
    new TextDecoder().decode(value.subarray(start, end));
  return {
    id: key,
    removedBy: text(HEAD_BYTES, reasonAt),
    reason: text(reasonAt),
    removedAtMs: changedAtMs,
  };
}
