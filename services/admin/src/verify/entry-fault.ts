/** Says what is wrong with an entry of an index: whether it leads to the record that it names. */
import { equalBytes, isMosaicError, readU64BE } from '@mosaic-cluster/protocol';
import {
  type IndexEntry,
  type IndexPath,
  type LogEntry,
  POSITION_BYTES,
  type LogReader,
} from '@mosaic-cluster/store';
import { isOn } from './path-position.ts';

/** What is at a location, or why nothing is; continues "it leads to where …". */
export type Stored = LogEntry | string;

/** What the entries lead to, in order. */
export async function readStored(
  log: LogReader,
  entries: readonly IndexEntry[],
): Promise<readonly Stored[]> {
  try {
    return await log.read(entries.map(({ location }) => location));
  } catch (error) {
    if (!isAbsence(error)) throw error;
  }
  // One of them is not there: look at each by itself.
  const stored: Stored[] = [];
  for (const entry of entries) stored.push(await readOne(log, entry));
  return stored;
}

async function readOne(log: LogReader, { location }: IndexEntry): Promise<Stored> {
  try {
    // A server may have written it since the log was looked at.
    if (log.isBeyond(location)) await log.refresh();
    const [stored] = await log.read([location]);
    return stored!;
  } catch (error) {
    if (!isAbsence(error)) throw error;
    return error.kind === 'not-found' ? 'no segment is' : 'no entry is';
  }
}

function isAbsence(error: unknown): error is { readonly kind: string } {
  return isMosaicError(error) && ['corrupt', 'not-found', 'invalid'].includes(error.kind);
}

/**
 * What is wrong with an entry of a path; undefined: nothing.
 *
 * @param id the record's ID, or its first bytes
 */
export function entryFault(
  entry: IndexEntry,
  stored: Stored,
  path: IndexPath,
  id: Uint8Array = entry.position.subarray(-POSITION_BYTES),
): string | undefined {
  if (typeof stored === 'string') return stored;
  const { record, receivedAt, held } = stored;
  if (!equalBytes(record.id.subarray(0, id.length), id)) return 'another record is';
  if (held !== entry.held) return `the record is ${held ? '' : 'not '}held`;
  if (path.path === 'received' && readU64BE(entry.position, 0) !== receivedAt) {
    return 'the record is, but it came at another time';
  }
  if (path.path === 'held' && !held) return 'the record does not wait for a moderator';
  return isOn(path, record) ? undefined : 'the record is not of this path';
}
