/** What removing records means for each of them, and which ones are meant. */
import { usageError } from '@mosaic-cluster/client/command';
import { encodeReference, type Reference, referenceKind } from '@mosaic-cluster/protocol';
import { RemovedRecords } from '@mosaic-cluster/role';
import type { ListedChange } from '../change/change-listed.ts';
import type { Listed } from '../change/read-list.ts';
import type { Facts } from '../place/open-facts.ts';
import type { IndexedHolding } from '../place/holding.ts';
import { type AuthorFilter, findByReference, recordsOf } from './find-records.ts';

/** What becomes of a record; `kept-out`: it is not here, and refused should it come. */
export type RemoveOutcome = 'removed' | 'kept-out' | 'removed-already';

/** Most records that one command removes by a filter. */
export const REMOVED_MAX = 100_000;

/** Records to remove by their IDs. */
export interface NamedRecords {
  readonly list: readonly Listed<Reference>[];
  /** Those of them that are here, as commands show them. */
  readonly here: ReadonlySet<string>;
}

/**
 * The records that references name; an address stands for the record that has it.
 *
 * @throws MosaicError `invalid` (`usage`) for an address at which nothing is
 */
export async function namedRecords(
  roles: readonly IndexedHolding[],
  references: readonly Listed<Reference>[],
): Promise<NamedRecords> {
  const list = new Map<string, Listed<Reference>>();
  const here = new Set<string>();
  for (const reference of references) {
    const { value, shown, remark } = reference;
    const found = await findByReference(roles, value);
    for (const { record } of found) {
      const id = Uint8Array.from(record.id);
      const name = encodeReference(id);
      here.add(name);
      list.set(name, { value: id, shown: name, remark });
    }
    if (found.length > 0) continue;
    if (referenceKind(value) !== 'id') {
      const remedy = 'Only an ID can be removed before its record comes.';
      throw usageError(shown, 'no record is at that address', remedy);
    }
    list.set(shown, reference);
  }
  return { list: [...list.values()], here };
}

/**
 * All records of an author that are here and not removed yet.
 *
 * @param isMeant whether the operator has said that all of them are meant
 * @throws MosaicError `invalid` (`usage`) with their number where that is not so
 */
export async function allOfAuthor(
  roles: readonly IndexedHolding[],
  filter: AuthorFilter,
  removed: RemovedRecords,
  isMeant: boolean,
): Promise<NamedRecords> {
  const list = new Map<string, Listed<Reference>>();
  let isAll = true;
  for await (const { record } of recordsOf(roles, filter)) {
    // Where no server runs, the index still has what was removed.
    const [isRemoved] = await removed.areRemoved([record.id]);
    if (isRemoved === true) continue;
    isAll = list.size < REMOVED_MAX;
    if (!isAll) break;
    const value = Uint8Array.from(record.id);
    const shown = encodeReference(value);
    list.set(shown, { value, shown, remark: undefined });
  }
  if (isMeant || list.size === 0) return { list: [...list.values()], here: new Set(list.keys()) };
  const most = REMOVED_MAX.toLocaleString('en-US');
  const number = `${isAll ? '' : 'more than '}${list.size.toLocaleString('en-US')}`;
  const remedy = `Add --yes if all of them are meant; up to ${most} are removed at once.`;
  throw usageError('--author', `this is about ${number} records`, remedy);
}

/** Removes records for everybody, in every role. */
export function recordsRemoved(
  { registry }: Facts,
  removedBy: string,
  reason: string,
  here: ReadonlySet<string>,
): ListedChange<Reference, RemoveOutcome> {
  return {
    action: 'records remove',
    detail: reason,
    idle: new Set(['removed-already']),
    look: async (some) => {
      const found = await new RemovedRecords(registry).find(some.map(({ value }) => value));
      return some.map(({ shown }, i) => {
        if (found[i] !== undefined) return 'removed-already';
        return here.has(shown) ? 'removed' : 'kept-out';
      });
    },
    make: (audited, some) => {
      const ids = some.map(({ value }) => value);
      return new RemovedRecords(audited).remove(ids, { removedBy, reason });
    },
  };
}
