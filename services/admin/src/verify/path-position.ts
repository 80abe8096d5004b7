/** Where a record stands on a path, and how to ask an index for exactly that. */
import { equalBytes, type RecordView, writeU64BE } from '@mosaic-cluster/protocol';
import {
  type IndexEntry,
  type IndexPath,
  indexPathsOf,
  type LogEntry,
  POSITION_BYTES,
  type RecordIndex,
} from '@mosaic-cluster/store';

/** Where an entry of the log stands on a path. */
export function positionOn(path: IndexPath, { record, receivedAt }: LogEntry): Uint8Array {
  const position = record.bytes.slice(0, POSITION_BYTES);
  if (path.path !== 'received') return position;
  const received = new Uint8Array(8 + POSITION_BYTES);
  writeU64BE(received, 0, receivedAt);
  received.set(position, 8);
  return received;
}

/** The position next above; undefined: there is none. */
export function positionAbove(position: Uint8Array): Uint8Array | undefined {
  const above = Uint8Array.from(position);
  for (let i = above.length - 1; i >= 0; i--) {
    above[i] = (above[i]! + 1) & 0xff;
    if (above[i] !== 0) return above;
  }
  return undefined;
}

/** The entry at a position of a path, and up to `more` that follow. */
export async function entriesFrom(
  index: RecordIndex,
  path: IndexPath,
  position: Uint8Array,
  more: number,
): Promise<{ readonly entry: IndexEntry | undefined; readonly others: readonly IndexEntry[] }> {
  const range = { below: positionAbove(position), limit: 1 + more };
  const [first, ...rest] = await index.scan(path, range);
  if (first === undefined) return { entry: undefined, others: [] };
  if (equalBytes(first.position, position)) return { entry: first, others: rest };
  return { entry: undefined, others: [first, ...rest] };
}

/** Whether a record is on a path. */
export function isOn(path: IndexPath, record: RecordView): boolean {
  if (path.path === 'held') return true;
  const wanted = valueOf(path);
  return indexPathsOf(record).some(
    (each) => each.path === path.path && equalBytes(valueOf(each), wanted),
  );
}

function valueOf(path: IndexPath): Uint8Array {
  switch (path.path) {
    case 'all':
    case 'received':
    case 'held':
      return NOTHING;
    case 'author':
      return path.author;
    case 'author-kind':
      return Buffer.concat([path.author, path.kind]);
    case 'signing-key':
      return path.signingKey;
    case 'kind':
      return path.kind;
    case 'tag':
      return path.tag;
    case 'odd-notify':
      return path.notified;
    case 'subkey':
      return path.subkey;
    case 'address':
      return path.address;
  }
}

const NOTHING = new Uint8Array(0);
