/**
 * Records that an operator took out for everybody, in every role: kept in the registry by their IDs,
 * so that neither a new submission nor an index that is made anew brings them back. A record may be
 * named before it ever arrives.
 */
import type { RecordView, Reference } from '@mosaic-cluster/protocol';
import {
  type Changed,
  type Fact,
  FACT_PAGE_MAX,
  type FactChange,
  type Registry,
} from '@mosaic-cluster/store';
import {
  decodeRemoval,
  isOlderThanRemoved,
  type NewRemoval,
  type Removal,
  type RemovalNote,
  removalFact,
  REMOVED_COLLECTION,
  REMOVED_VERSIONS_COLLECTION,
  removedVersionFact,
  removedVersionKey,
} from './removal-facts.ts';

/** Where a worker looks up what was removed. */
export interface RemovalLookup {
  /**
   * Whether records were removed, by their IDs, in order. A promise where it is not in memory.
   *
   * @throws MosaicError as `Registry.get`, by the promise
   */
  areRemoved(ids: readonly Reference[]): readonly boolean[] | Promise<readonly boolean[]>;
  /**
   * Whether records are versions that a newer one had replaced before that was removed: they stay
   * replaced. In order; a promise where it is not in memory.
   *
   * @throws MosaicError as `Registry.get`, by the promise
   */
  areReplaced(records: readonly VersionOf[]): readonly boolean[] | Promise<readonly boolean[]>;
}

/** What says of a record which version of what it is. */
export type VersionOf = Pick<RecordView, 'id' | 'address' | 'duplicateHandling'>;

/** For where no registry is at hand. */
export const NOTHING_REMOVED: RemovalLookup = {
  areRemoved: (ids) => ids.map(() => false),
  areReplaced: (records) => records.map(() => false),
};

/** A fact where there is one. */
type Found = Fact | undefined;

/** Reads and changes what was removed. */
export class RemovedRecords implements RemovalLookup {
  readonly #registry: Registry;
  readonly #role: string | undefined;

  /** @param role whose addresses {@link areReplaced} is about; undefined: it says no of everything */
  constructor(registry: Registry, role?: string) {
    this.#registry = registry;
    this.#role = role;
  }

  areRemoved(ids: readonly Reference[]): readonly boolean[] | Promise<readonly boolean[]> {
    const facts = this.#look(REMOVED_COLLECTION, ids);
    return isPromise(facts) ? facts.then(areThere) : areThere(facts);
  }

  areReplaced(records: readonly VersionOf[]): readonly boolean[] | Promise<readonly boolean[]> {
    const role = this.#role;
    const at = records.flatMap((record, i) => (isReplaceable(record) ? [i] : []));
    if (role === undefined || at.length === 0) return records.map(() => false);
    const keys = at.map((i) => removedVersionKey(role, records[i]!.address));
    const facts = this.#look(REMOVED_VERSIONS_COLLECTION, keys);
    const judged = (found: readonly Found[]): boolean[] => {
      const areReplaced = records.map(() => false);
      at.forEach((i, n) => {
        const fact = found[n];
        areReplaced[i] = fact !== undefined && isOlderThanRemoved(records[i]!.id, fact);
      });
      return areReplaced;
    };
    return isPromise(facts) ? facts.then(judged) : judged(facts);
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
    return this.#registry.change(ids.map((id) => removalFact({ id }, note)));
  }

  /**
   * Removes up to 1,000 records of which more is known, where it is: they can be put back.
   *
   * @throws MosaicError `invalid` (`removal`), or as `Registry.get` and `Registry.change`
   */
  async removeFound(removals: readonly NewRemoval[], note: RemovalNote = {}): Promise<Changed> {
    const facts = removals.map((removal) => removalFact(removal, note));
    return this.#registry.change([...facts, ...(await this.#versionsOf(removals))]);
  }

  /** The facts that older versions stay replaced; a newer one that was removed before goes on to count. */
  async #versionsOf(removals: readonly NewRemoval[]): Promise<FactChange[]> {
    // The last change of a call wins.
    const byAge = removals.toSorted((a, b) => Buffer.compare(a.id, b.id));
    const versions = byAge.flatMap(({ id, address, places = [] }) =>
      address === undefined ? [] : places.map(({ role }) => removedVersionFact(role, address, id)),
    );
    const keys = versions.map(({ key }) => key);
    const known = await this.#look(REMOVED_VERSIONS_COLLECTION, keys);
    const idOf = ({ value }: FactChange): Reference => value!.subarray(1);
    return versions.filter((version, i) => {
      const before = known[i];
      return before === undefined || !isOlderThanRemoved(idOf(version), before);
    });
  }

  /** Facts where they are in memory, else a promise of them. */
  #look(
    collection: string,
    keys: readonly Uint8Array[],
  ): readonly Found[] | Promise<readonly Found[]> {
    const found = new Array<Found>(keys.length);
    const unknown: number[] = [];
    keys.forEach((key, i) => {
      const fact = this.#registry.peek(collection, key);
      if (fact === undefined) unknown.push(i);
      else found[i] = fact ?? undefined;
    });
    return unknown.length === 0 ? found : this.#ask(collection, keys, unknown, found);
  }

  async #ask(
    collection: string,
    keys: readonly Uint8Array[],
    unknown: readonly number[],
    found: Found[],
  ): Promise<readonly Found[]> {
    for (let at = 0; at < unknown.length; at += FACT_PAGE_MAX) {
      const some = unknown.slice(at, at + FACT_PAGE_MAX);
      const facts = await this.#registry.get(
        collection,
        some.map((i) => keys[i]!),
      );
      some.forEach((i, n) => {
        found[i] = facts[n];
      });
    }
    return found;
  }
}

/** The IDs of the records that changes to the registry remove. */
export function removedRecords(news: readonly FactChange[]): Reference[] {
  return news
    .filter(({ collection, value }) => collection === REMOVED_COLLECTION && value !== undefined)
    .map(({ key }) => key);
}

function isReplaceable({ duplicateHandling }: VersionOf): boolean {
  return duplicateHandling === 'replaceable';
}

function areThere(facts: readonly Found[]): boolean[] {
  return facts.map((fact) => fact !== undefined);
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return value instanceof Promise;
}
