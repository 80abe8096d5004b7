/**
 * From the index to the log: every entry on the paths that all records are on leads to its record. So
 * nothing is found that is not there. The same for those that wait for a moderator.
 */
import { hexDecode, hexEncode } from '@mosaic-cluster/protocol';
import {
  type IndexEntry,
  type IndexPath,
  POSITION_BYTES,
  type RecordIndex,
} from '@mosaic-cluster/store';
import { entryFault, readStored, type Stored } from './entry-fault.ts';
import { entriesFrom } from './path-position.ts';
import { type RoleContext, tell } from './role-context.ts';

/** Entries that are looked at together. */
const PAGE_ENTRIES = 512;

type WholePath = Extract<IndexPath, { path: 'all' | 'received' | 'held' }>;

const COUNTER = { all: 'entries', received: 'receivedEntries', held: 'heldEntries' } as const;

/** Walks a path of a role's index, newest first, from where the state says. */
export async function verifyEntries(
  context: RoleContext,
  index: RecordIndex,
  path: WholePath,
): Promise<void> {
  const { state, holding } = context;
  const counter = COUNTER[path.path];
  const total = await index.count();
  for (;;) {
    const below = state.position === undefined ? undefined : hexDecode(state.position);
    const page = await index.scan(path, { below, limit: PAGE_ENTRIES });
    const stored = await readStored(holding.log, page);
    const isFound = await findAgain(index, stored);
    for (const [i, entry] of page.entries()) {
      const there = stored[i]!;
      const fault =
        damageFault(context, entry, there) ?? danglingFault(entry, there, path, isFound[i]!);
      if (fault === undefined) state.counts[counter] += 1;
      else if (await isStillThere(index, path, entry)) tellEntry(context, entry, path, fault);
    }
    const last = page.at(-1);
    if (last !== undefined) state.position = hexEncode(last.position);
    if (page.length < PAGE_ENTRIES) return;
    await context.pause(state.counts[counter], total, state.counts[counter]);
  }
}

/** Whether the records are found by their IDs, where there are records. */
async function findAgain(index: RecordIndex, stored: readonly Stored[]): Promise<boolean[]> {
  const isFound = stored.map(() => true);
  const at = stored.flatMap((each, i) => (typeof each === 'string' ? [] : [i]));
  const ids = stored.flatMap((each) => (typeof each === 'string' ? [] : [each.record.id]));
  const found = await index.lookup(ids);
  at.forEach((i, n) => {
    isFound[i] = found[n] !== undefined;
  });
  return isFound;
}

interface Fault {
  readonly kind: 'record-invalid' | 'index-dangling';
  readonly what: string;
}

/** Whether a record that lies in a damaged commit is damaged itself; its neighbours may be. */
function damageFault(
  { holding, checks, damages }: RoleContext,
  entry: IndexEntry,
  stored: Stored,
): Fault | undefined {
  const place = holding.log.place(entry.location);
  if (!damages.hits(place)) return undefined;
  if (typeof stored !== 'string' && checks.fault(stored.record) === undefined) return undefined;
  const { segment, offset } = place;
  const what = `is in a damaged part of ${segment}, at byte ${offset}, and is damaged itself`;
  return { kind: 'record-invalid', what };
}

function danglingFault(
  entry: IndexEntry,
  stored: Stored,
  path: WholePath,
  isFound: boolean,
): Fault | undefined {
  const why =
    entryFault(entry, stored, path) ??
    (isFound ? undefined : 'the record is, but is not found by its ID');
  if (why === undefined) return undefined;
  return { kind: 'index-dangling', what: `is on path ${path.path}, which leads to where ${why}` };
}

/** Whether a running server has not taken the entry out since. */
async function isStillThere(
  index: RecordIndex,
  path: WholePath,
  { position }: IndexEntry,
): Promise<boolean> {
  const { entry } = await entriesFrom(index, path, position, 0);
  return entry !== undefined;
}

function tellEntry(
  context: RoleContext,
  { position, location }: IndexEntry,
  { path }: WholePath,
  { kind, what }: Fault,
): void {
  const id = hexEncode(position.subarray(-POSITION_BYTES));
  // Damage is met on each path: once is enough.
  if (kind === 'record-invalid' && path !== 'all') return;
  const { segment, offset } = context.holding.log.place(location);
  tell(context, { kind, what: `${id}… ${what}`, segment, offset, id, path });
}
