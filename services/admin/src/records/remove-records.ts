/** What removing records means for each of them, and which ones are meant. */
import { usageError } from '@mosaic-cluster/client/command';
import { encodeReference, type Reference, referenceKind } from '@mosaic-cluster/protocol';
import { type NewRemoval, type RecordPlace, RemovedRecords } from '@mosaic-cluster/role';
import type { ListedChange } from '../change/change-listed.ts';
import type { Listed } from '../change/read-list.ts';
import type { Facts } from '../place/open-facts.ts';
import type { IndexedHolding } from '../place/holding.ts';
import {
  type AuthorFilter,
  findByIds,
  findByReference,
  type FoundRecord,
  recordsOf,
} from './find-records.ts';

/** What becomes of a record; `kept-out`: it is not here, and refused should it come. */
export type RemoveOutcome = 'removed' | 'kept-out' | 'removed-already';

/** Most records that one command removes by a filter. */
export const REMOVED_MAX = 100_000;

/** Records to remove by their IDs. */
export interface NamedRecords {
  readonly list: readonly Listed<Reference>[];
  /** Those of them that are here, as commands show them, and where. */
  readonly here: ReadonlyMap<string, NewRemoval>;
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
  const here = new Map<string, NewRemoval>();
  const isId = ({ value }: Listed<Reference>): boolean => referenceKind(value) === 'id';
  const ids = references.filter(isId).map(({ value }) => value);
  const byId = await findByIds(roles, ids);
  for (const reference of references) {
    const { value, shown, remark } = reference;
    const found = isId(reference) ? (byId.get(shown) ?? []) : await findByReference(roles, value);
    for (const each of found) {
      const name = encodeReference(each.record.id);
      const removal = withPlace(here.get(name), each);
      here.set(name, removal);
      list.set(name, { value: removal.id, shown: name, remark });
    }
    if (found.length > 0) continue;
    if (!isId(reference)) {
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
  const here = new Map<string, NewRemoval>();
  let isAll = true;
  for await (const each of recordsOf(roles, filter)) {
    // Where no server runs, the index still has what was removed.
    const [isRemoved] = await removed.areRemoved([each.record.id]);
    if (isRemoved === true) continue;
    const shown = encodeReference(each.record.id);
    isAll = list.size < REMOVED_MAX || list.has(shown);
    if (!isAll) break;
    const removal = withPlace(here.get(shown), each);
    here.set(shown, removal);
    list.set(shown, { value: removal.id, shown, remark: undefined });
  }
  if (isMeant || list.size === 0) return { list: [...list.values()], here };
  const most = REMOVED_MAX.toLocaleString('en-US');
  const number = `${isAll ? '' : 'more than '}${list.size.toLocaleString('en-US')}`;
  const remedy = `Add --yes if all of them are meant; up to ${most} are removed at once.`;
  throw usageError('--author', `this is about ${number} records`, remedy);
}

/** What is known of a record, and one more role that has it. */
function withPlace(
  before: NewRemoval | undefined,
  { role, record, location }: FoundRecord,
): NewRemoval {
  const place: RecordPlace = { role, location };
  const isReplaceable = record.duplicateHandling === 'replaceable';
  return {
    id: before?.id ?? Uint8Array.from(record.id),
    address: isReplaceable ? Uint8Array.from(record.address) : undefined,
    places: [...(before?.places ?? []), place],
  };
}

/** Removes records for everybody, in every role. */
export function recordsRemoved(
  { registry }: Facts,
  removedBy: string,
  reason: string,
  here: ReadonlyMap<string, NewRemoval>,
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
      const removals = some.map(({ value, shown }) => here.get(shown) ?? { id: value });
      return new RemovedRecords(audited).removeFound(removals, { removedBy, reason });
    },
  };
}
