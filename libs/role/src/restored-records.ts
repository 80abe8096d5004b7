/**
 * Removed records that an operator puts back: the removal is taken back at once, and each role that had
 * the record is told to bring it into its index again. What a role has to do is a fact until it is done,
 * so nothing is forgotten where nobody serves at that moment.
 */
import type { Reference } from '@mosaic-cluster/protocol';
import { type Changed, FACT_PAGE_MAX, type FactChange, type Registry } from '@mosaic-cluster/store';
import {
  assertRecordId,
  decodeRestoration,
  isOlderThanRemoved,
  type RecordPlace,
  REMOVED_COLLECTION,
  REMOVED_VERSIONS_COLLECTION,
  removedVersionKey,
  restorationDone,
  restorationFact,
  rolePrefix,
  RESTORED_COLLECTION,
  type Restoration,
} from './removal-facts.ts';

/** A removed record to put back. */
export interface NewRestoration {
  readonly id: Reference;
  /** Of a replaceable record. */
  readonly address?: Reference | undefined;
  /** Where its bytes are, by role; none: it is only let in again should it come. */
  readonly places: readonly RecordPlace[];
}

/** What one role has to put back. */
export class RestoredRecords {
  readonly #registry: Registry;
  readonly #role: string;

  constructor(registry: Registry, role: string) {
    this.#registry = registry;
    this.#role = role;
  }

  /** Up to 1,000 of them, behind an ID. Throws as `Registry.list`. */
  async list(
    after?: Reference,
  ): Promise<{ restorations: readonly Restoration[]; hasMore: boolean }> {
    const prefix = rolePrefix(this.#role);
    const { facts, hasMore } = await this.#registry.list({
      collection: RESTORED_COLLECTION,
      after: after === undefined ? prefix : Buffer.concat([prefix, after]),
      limit: FACT_PAGE_MAX,
    });
    const restorations = facts.flatMap((fact) => decodeRestoration(this.#role, fact) ?? []);
    return { restorations, hasMore: hasMore && restorations.length === facts.length };
  }

  /** Those of up to 1,000 records that the role has to put back. Throws as `Registry.get`. */
  async find(ids: readonly Reference[]): Promise<Restoration[]> {
    const keys = ids.map((id) => Buffer.concat([rolePrefix(this.#role), id]));
    const facts = await this.#registry.get(RESTORED_COLLECTION, keys);
    return facts.flatMap((fact) => (fact && decodeRestoration(this.#role, fact)) ?? []);
  }

  /** Takes note that some are where they were. Throws as `Registry.change`. */
  async done(ids: readonly Reference[]): Promise<void> {
    await this.#registry.change(ids.map((id) => restorationDone(this.#role, id)));
  }
}

/**
 * Takes up to 1,000 removals back, and tells the roles where the records are to have them again.
 *
 * @throws MosaicError `invalid` (`removal`) for what is no ID, or as `Registry.get` and `Registry.change`
 */
export async function restoreRecords(
  registry: Registry,
  restorations: readonly NewRestoration[],
): Promise<Changed> {
  const changes: FactChange[] = [];
  const versions: { readonly id: Reference; readonly key: Uint8Array }[] = [];
  for (const { id, address, places } of restorations) {
    assertRecordId(id);
    changes.push({ collection: REMOVED_COLLECTION, key: id, value: undefined });
    changes.push(...places.map((place) => restorationFact(place, id)));
    if (address === undefined) continue;
    versions.push(...places.map(({ role }) => ({ id, key: removedVersionKey(role, address) })));
  }
  for (let at = 0; at < versions.length; at += FACT_PAGE_MAX) {
    const some = versions.slice(at, at + FACT_PAGE_MAX);
    const collection = REMOVED_VERSIONS_COLLECTION;
    const facts = await registry.get(
      collection,
      some.map(({ key }) => key),
    );
    some.forEach(({ id, key }, i) => {
      const fact = facts[i];
      // A newer version that was removed too goes on to stand before those that it replaced.
      if (fact === undefined || isOlderThanRemoved(id, fact)) return;
      changes.push({ collection, key, value: undefined });
    });
  }
  return registry.change(changes);
}

/** What changes to the registry tell a role to put back. */
export function restoredRecords(news: readonly FactChange[], role: string): Restoration[] {
  return news.flatMap(({ collection, key, value }) => {
    if (collection !== RESTORED_COLLECTION || value === undefined) return [];
    return decodeRestoration(role, { key, value }) ?? [];
  });
}
