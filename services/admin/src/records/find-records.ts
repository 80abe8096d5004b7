/** Finds records of any role: by reference, or all of an author. */
import { usageError } from '@mosaic-cluster/client/command';
import {
  encodeReference,
  equalBytes,
  isMosaicError,
  type Kind,
  type PublicKey,
  type RecordView,
  type Reference,
  referenceKind,
} from '@mosaic-cluster/protocol';
import type { EntryPlace, IndexEntry, IndexPath, Location, LogEntry } from '@mosaic-cluster/store';
import { inPieces } from '../change/read-list.ts';
import { freshLog } from '../place/fresh-log.ts';
import type { Holding, IndexedHolding } from '../place/holding.ts';
import { PRIVATE_ROLE } from '../place/open-embedded.ts';

/** A record, as one role has it. */
export interface FoundRecord extends LogEntry {
  readonly role: string;
  readonly location: Location;
  readonly place: EntryPlace;
}

/** Which records of an author. */
export interface AuthorFilter {
  readonly author: PublicKey;
  readonly kind?: Kind | undefined;
}

const PAGE_ENTRIES = 500;
/** IDs that are looked up, and records that are read, together. */
const IDS_AT_ONCE = 64;

/** Whether only its readers may know what is in a record. */
export function isPrivate({ role, record }: FoundRecord): boolean {
  return role === PRIVATE_ROLE || record.audience !== 'everybody';
}

/**
 * The roles that can be searched.
 *
 * @throws MosaicError `invalid` (`usage`) where there is no index
 */
export function searched(holding: Holding): IndexedHolding[] {
  if (holding.noIndex !== undefined) {
    const remedy = 'Records are found by the index: "mosaic-admin reindex" makes it anew.';
    throw usageError('records', `${holding.name}: ${holding.noIndex.why}`, remedy);
  }
  return holding.roles.flatMap((each) =>
    each.index === undefined ? [] : [{ ...each, index: each.index }],
  );
}

/** Every role's record that a reference names: the one with that ID, or the one at that address. */
export async function findByReference(
  roles: readonly IndexedHolding[],
  reference: Reference,
): Promise<FoundRecord[]> {
  const found: FoundRecord[] = [];
  for (const role of roles) {
    const isId = referenceKind(reference) === 'id';
    const entries = isId
      ? await role.index.lookup([reference])
      : await role.index.scan({ path: 'address', address: reference }, { limit: PAGE_ENTRIES });
    const records = await read(
      role,
      entries.flatMap((entry) => entry ?? []),
    );
    // A shared index knows a record by most bytes of its ID, not by all.
    const isNamed = ({ id, address }: RecordView): boolean =>
      equalBytes(isId ? id : address, reference);
    found.push(...records.filter(({ record }) => isNamed(record)));
  }
  return found;
}

/**
 * Every role's records with some IDs. Those that cannot be read are passed over: whoever is about to remove
 * them need not have them.
 *
 * @returns by ID as commands show it
 */
export async function findByIds(
  roles: readonly IndexedHolding[],
  ids: readonly Reference[],
): Promise<Map<string, FoundRecord[]>> {
  const found = new Map<string, FoundRecord[]>();
  for (const some of inPieces(ids, IDS_AT_ONCE)) {
    for (const role of roles) {
      const entries = await role.index.lookup(some);
      const there = entries.flatMap((entry, i) => (entry === undefined ? [] : [{ entry, i }]));
      const records = await readable(
        role,
        there.map(({ entry }) => entry),
      );
      records.forEach((each, n) => {
        const id = some[there[n]!.i]!;
        if (each === undefined || !equalBytes(each.record.id, id)) return;
        const name = encodeReference(id);
        found.set(name, [...(found.get(name) ?? []), each]);
      });
    }
  }
  return found;
}

/** All records of an author, role by role, newest first; one that several roles have comes several times. */
export async function* recordsOf(
  roles: readonly IndexedHolding[],
  { author, kind }: AuthorFilter,
): AsyncGenerator<FoundRecord, void, undefined> {
  const path: IndexPath =
    kind === undefined ? { path: 'author', author } : { path: 'author-kind', author, kind };
  for (const role of roles) {
    for (let below: Uint8Array | undefined, isLast = false; !isLast; ) {
      const page = await role.index.scan(path, { below, limit: PAGE_ENTRIES });
      yield* await read(role, page);
      below = page.at(-1)?.position;
      isLast = page.length < PAGE_ENTRIES;
    }
  }
}

/** Records at entries, in order; undefined for those that nobody can read. */
async function readable(
  role: IndexedHolding,
  entries: readonly IndexEntry[],
): Promise<(FoundRecord | undefined)[]> {
  try {
    return await read(role, entries);
  } catch (error) {
    if (!isMosaicError(error) || error.kind === 'unavailable') throw error;
    if (entries.length === 1) return [undefined];
  }
  const records: (FoundRecord | undefined)[] = [];
  for (const entry of entries) records.push(...(await readable(role, [entry])));
  return records;
}

async function read(
  { role, log }: IndexedHolding,
  entries: readonly IndexEntry[],
): Promise<FoundRecord[]> {
  const stored = await freshLog(log).read(entries.map(({ location }) => location));
  return stored.map(({ record, receivedAt, held }, i) => {
    const location = Uint8Array.from(entries[i]!.location);
    return { role, record, receivedAt, held, location, place: log.place(location) };
  });
}
