/** What putting removed records back means for each of them, and where their bytes are. */
import { interruptedError, usageError } from '@mosaic-cluster/client/command';
import {
  encodeReference,
  equalBytes,
  hexEncode,
  isMosaicError,
  type RecordView,
  type Reference,
  referenceKind,
} from '@mosaic-cluster/protocol';
import {
  type NewRestoration,
  type RecordPlace,
  type Removal,
  RemovedRecords,
  RestoredRecords,
  restoreRecords,
} from '@mosaic-cluster/role';
import type { Location } from '@mosaic-cluster/store';
import type { ListedChange } from '../change/change-listed.ts';
import { inPieces, type Listed } from '../change/read-list.ts';
import type { Watched } from '../output/interruptible.ts';
import type { Facts } from '../place/open-facts.ts';
import { freshLog } from '../place/fresh-log.ts';
import type { Holding, RoleHolding } from '../place/holding.ts';
import { REMOVED_MAX } from './remove-records.ts';

/** What becomes of a record; `let-in-again`: its bytes are not here, and it may come again. */
export type RestoreOutcome = 'restored' | 'let-in-again' | 'not-removed';

/** A removed record, as far as it was found. */
interface Search {
  readonly id: Reference;
  readonly removal: Removal;
  address: Reference | undefined;
  readonly places: Map<string, Location>;
  /** Roles in which it may be elsewhere than where it was. */
  readonly missing: Set<string>;
}

/** @throws MosaicError `invalid` (`usage`) for an address: nothing says which version is meant */
export function assertIds(references: readonly Listed<Reference>[]): void {
  for (const { value, shown } of references) {
    if (referenceKind(value) === 'id') continue;
    const remedy = 'Name the ID of the version: "mosaic-admin records removed" lists them.';
    throw usageError(shown, 'that is an address', remedy);
  }
}

/** Which removals. */
export interface RemovalFilter {
  /** Milliseconds since 1970: those made then or later. */
  readonly sinceMs: number;
  /** Whose; undefined: anybody's. */
  readonly by: string | undefined;
}

/**
 * All records that were removed lately.
 *
 * @param isMeant whether the operator has said that all of them are meant
 * @throws MosaicError `invalid` (`usage`) with their number where that is not so, or where they are too many
 */
export async function removedSince(
  { registry }: Facts,
  { sinceMs, by }: RemovalFilter,
  isMeant: boolean,
): Promise<Listed<Reference>[]> {
  const list: Listed<Reference>[] = [];
  const removed = new RemovedRecords(registry);
  for (let after: Reference | undefined, hasMore = true; hasMore; ) {
    const page = await removed.list(after);
    for (const { id, removedBy, removedAtMs } of page.removals) {
      if (removedAtMs < sinceMs || (by !== undefined && by !== removedBy)) continue;
      list.push({ value: id, shown: encodeReference(id), remark: undefined });
    }
    after = page.removals.at(-1)?.id;
    ({ hasMore } = page);
  }
  const number = list.length.toLocaleString('en-US');
  if (list.length > REMOVED_MAX) {
    const most = REMOVED_MAX.toLocaleString('en-US');
    throw usageError('--since', `this is about ${number} records`, `Up to ${most} go at once.`);
  }
  if (isMeant || list.length === 0) return list;
  throw usageError('--since', `this is about ${number} records`, 'Add --yes if all are meant.');
}

/**
 * Finds removed records: where they were when they were removed; else, for segments may have been
 * rewritten since, by reading all segments of the role.
 *
 * @returns by ID in hexadecimal; what was not removed is not in it
 * @throws MosaicError `closed` (`interrupted`), `unavailable`
 */
export async function findRemoved(
  facts: Facts,
  holding: Holding,
  references: readonly Listed<Reference>[],
  watched: Watched,
): Promise<Map<string, NewRestoration>> {
  const searches = new Map<string, Search>();
  const removed = new RemovedRecords(facts.registry);
  for (let at = 0; at < references.length; at += IDS_PER_LOOKUP) {
    const ids = references.slice(at, at + IDS_PER_LOOKUP).map(({ value }) => value);
    const removals = await removed.find(ids);
    const waiting = await waitingIn(facts, holding, ids);
    for (const [i, id] of ids.entries()) {
      const removal = removals[i] ?? waiting.get(hexEncode(id));
      if (removal !== undefined) searches.set(hexEncode(id), begun(id, removal, holding));
    }
  }
  for (const role of holding.roles) {
    const open = [...searches.values()].filter(({ missing }) => missing.has(role.role));
    for (const some of inPieces(open, IDS_PER_LOOKUP)) await lookWhereTheyWere(role, some);
    await readSegments(role, searches, watched);
  }
  return new Map(
    [...searches].map(([name, { id, address, places }]) => {
      const list = [...places].map(([role, location]): RecordPlace => ({ role, location }));
      return [name, { id, address, places: list }];
    }),
  );
}

const IDS_PER_LOOKUP = 1000;

/** Those that somebody put back, and that no worker could: they may have been moved meanwhile. */
async function waitingIn(
  { registry }: Facts,
  { roles }: Holding,
  ids: readonly Reference[],
): Promise<Map<string, Removal>> {
  const found = new Map<string, Removal>();
  const nobody = { removedBy: '', reason: '', removedAtMs: 0 };
  for (const { role } of roles) {
    const waiting = await new RestoredRecords(registry, role).find(ids);
    for (const { id, location } of waiting) {
      const places = [...(found.get(hexEncode(id))?.places ?? []), { role, location }];
      found.set(hexEncode(id), { id, ...nobody, places });
    }
  }
  return found;
}

function begun(id: Reference, removal: Removal, { roles }: Holding): Search {
  const known = removal.places.map(({ role }) => role);
  // Removals of older versions say nothing of where it was.
  const missing = known.length > 0 ? known : roles.map(({ role }) => role);
  return { id, removal, address: undefined, places: new Map(), missing: new Set(missing) };
}

async function lookWhereTheyWere(
  { role, log, index }: RoleHolding,
  searches: readonly Search[],
): Promise<void> {
  // Where no server runs, the index still has them.
  const entries = (await index?.lookup(searches.map(({ id }) => id))) ?? [];
  for (const [i, search] of searches.entries()) {
    const was = search.removal.places.filter((place) => place.role === role);
    for (const location of [...was.map((place) => place.location), entries[i]?.location]) {
      if (location === undefined || !search.missing.has(role)) continue;
      const record = await recordAt(log, location);
      if (record !== undefined && equalBytes(record.id, search.id)) {
        take(search, role, record, location);
      }
    }
  }
}

/** Undefined: nothing can be read there, because it was moved or is damaged. */
async function recordAt(
  log: RoleHolding['log'],
  location: Location,
): Promise<RecordView | undefined> {
  try {
    const [stored] = await freshLog(log).read([location]);
    return stored?.record;
  } catch (error) {
    if (!isMosaicError(error) || error.kind === 'unavailable') throw error;
    return undefined;
  }
}

/** Reads all of a role's segments, where anything is still looked for in it. */
async function readSegments(
  { role, log }: RoleHolding,
  searches: ReadonlyMap<string, Search>,
  { signal, progress }: Watched,
): Promise<void> {
  const open = new Map([...searches].filter(([, { missing }]) => missing.has(role)));
  if (open.size === 0) return;
  const { bytes: total } = await log.totals();
  let done = 0;
  let records = 0;
  // What is damaged cannot be put back; `verify` tells of it.
  for await (const part of log.wholeParts(() => {})) {
    for await (const { entries } of part.scan()) {
      if (signal.aborted) throw interruptedError();
      for (const { record, location } of entries) {
        const search = open.get(hexEncode(record.id));
        if (search === undefined) continue;
        take(search, role, record, location);
        open.delete(hexEncode(record.id));
      }
      records += entries.length;
      if (open.size === 0) return;
      progress.report({ what: `${role}: looking for removed records`, done, total, records });
    }
    done += part.bytes;
  }
}

function take(search: Search, role: string, record: RecordView, location: Location): void {
  search.places.set(role, Uint8Array.from(location));
  search.missing.delete(role);
  if (record.duplicateHandling === 'replaceable') search.address = Uint8Array.from(record.address);
}

/** Puts records back in the roles where their bytes are. */
export function recordsRestored(
  found: ReadonlyMap<string, NewRestoration>,
  reason: string,
): ListedChange<Reference, RestoreOutcome> {
  const of = ({ value }: Listed<Reference>): NewRestoration | undefined =>
    found.get(hexEncode(value));
  return {
    action: 'records restore',
    detail: reason,
    idle: new Set(['not-removed']),
    look: async (some) =>
      some.map((each) => {
        const restoration = of(each);
        if (restoration === undefined) return 'not-removed';
        return restoration.places.length > 0 ? 'restored' : 'let-in-again';
      }),
    make: (audited, some) =>
      restoreRecords(
        audited,
        some.flatMap((each) => of(each) ?? []),
      ),
  };
}
