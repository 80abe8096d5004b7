/**
 * Keys of the paged index: where the pages of a path value lie. Every value of a path (an author, a
 * kind, a tag…) has one head page at a key of its own, and older pages in another region of the
 * database, so that the pages that every write touches lie close together.
 *
 *     00                              state of the index
 *     01 [ID 48]                      one record
 *     02 [name]                       note of a rebuild; 02 alone: one has begun
 *     10 [value] [path]               head page
 *     20 [path] [n] [value n] [upper] older page: the entries below `upper`, a position
 *
 * Tag values longer than 64 bytes (type included) are represented by their 32-byte BLAKE3.
 */
import {
  ATTESTATION_BYTES,
  h32,
  KEY_ALGORITHM,
  KEY_BYTES,
  KEY_ENTRY,
  KEY_ENTRY_HEAD_BYTES,
  KEY_TAG_BYTES,
  MosaicError,
  RECORD_AT,
  type RecordView,
  readU16,
  readU32,
  TAG_TYPE,
} from '@mosaic-cluster/protocol';
import { type IndexPath, POSITION_BYTES } from './record-index.ts';

/** First bytes of the regions. */
export const REGION = { state: 0x00, record: 0x01, note: 0x02, head: 0x10, page: 0x20 } as const;

/** Last byte of a head page's key. Path `all` has pages on Redis only. */
export const PATH = {
  all: 0,
  address: 1,
  received: 2,
  author: 3,
  authorKind: 4,
  signingKey: 5,
  kind: 6,
  tag: 7,
  longTag: 8,
  oddNotify: 9,
  subkey: 10,
  held: 11,
} as const;

/** Positions on path `received` start with 8 bytes of reception time. */
export const RECEIVED_POSITION_BYTES = 32;

/** Tags up to here, type included, stand in keys as they are. */
const TAG_BYTES_INLINE_MAX = 64;
/** Longest head key: region, inline tag, path. */
export const HEAD_KEY_BYTES_MAX: number = 1 + TAG_BYTES_INLINE_MAX + 1;

/** Bytes of a position on the path that a head key belongs to. */
export function positionBytesOf(headKey: Uint8Array): number {
  return headKey[headKey.length - 1] === PATH.received ? RECEIVED_POSITION_BYTES : POSITION_BYTES;
}

/**
 * Key of an older page.
 *
 * @param headKey of the same path value
 * @param upper the position that all its entries are below
 */
export function pageKey(headKey: Uint8Array, upper: Uint8Array): Uint8Array {
  const valueBytes = headKey.length - 2;
  const key = new Uint8Array(3 + valueBytes + upper.length);
  key[0] = REGION.page;
  key[1] = headKey[headKey.length - 1]!;
  key[2] = valueBytes;
  key.set(headKey.subarray(1, 1 + valueBytes), 3);
  key.set(upper, 3 + valueBytes);
  return key;
}

/** Key of a record: region and ID. */
export function recordKey(id: Uint8Array): Uint8Array {
  const key = new Uint8Array(1 + id.length);
  key[0] = REGION.record;
  key.set(id, 1);
  return key;
}

/** Key of the head page of a path that has pages: all but `all`. */
export function headKeyOf(path: Exclude<IndexPath, { path: 'all' }>): Uint8Array {
  switch (path.path) {
    case 'address':
      return headKey(PATH.address, sized(path.address, 48, 'an address'));
    case 'received':
      return headKey(PATH.received);
    case 'author':
      return headKey(PATH.author, sized(path.author, 32, 'an author'));
    case 'author-kind':
      return headKey(
        PATH.authorKind,
        sized(path.author, 32, 'an author'),
        sized(path.kind, 8, 'a kind'),
      );
    case 'signing-key':
      return headKey(PATH.signingKey, sized(path.signingKey, 32, 'a signing key'));
    case 'kind':
      return headKey(PATH.kind, sized(path.kind, 8, 'a kind'));
    case 'tag':
      return path.tag.length <= TAG_BYTES_INLINE_MAX
        ? headKey(PATH.tag, path.tag)
        : headKey(PATH.longTag, h32(path.tag));
    case 'odd-notify':
      return headKey(PATH.oddNotify, sized(path.notified, KEY_BYTES, 'a notified key'));
    case 'subkey':
      return headKey(PATH.subkey, sized(path.subkey, KEY_BYTES, 'a subkey'));
    case 'held':
      return headKey(PATH.held);
  }
}

function headKey(path: number, ...values: readonly Uint8Array[]): Uint8Array {
  let length = 2;
  for (const value of values) length += value.length;
  const key = new Uint8Array(length);
  key[0] = REGION.head;
  let at = 1;
  for (const value of values) {
    key.set(value, at);
    at += value.length;
  }
  key[at] = path;
  return key;
}

function sized(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length === length) return bytes;
  const message = `${what} has ${length} bytes, not ${bytes.length}`;
  throw new MosaicError('invalid', 'index-path', message);
}

/**
 * Calls `visit` with the head key of every path value that a record is found on. A value may come
 * twice where a record repeats a tag.
 *
 * @param held whether it waits for a moderator
 * @param visit gets a buffer that is overwritten after it returns, and the key's length in it
 */
export function visitHeadKeys(
  record: RecordView,
  held: boolean,
  visit: (buffer: Buffer, length: number) => void,
): void {
  const { bytes } = record;
  const { author, kind, signingKey } = RECORD_AT;
  scratch[0] = REGION.head;
  visit(scratch, put(bytes, RECORD_AT.address, 96, PATH.address));
  scratch[1] = PATH.received;
  visit(scratch, 2);
  if (held) {
    scratch[1] = PATH.held;
    visit(scratch, 2);
  }
  visit(scratch, put(bytes, author, author + 32, PATH.author));
  for (let i = 0; i < 8; i++) scratch[33 + i] = bytes[kind + i]!;
  scratch[41] = PATH.authorKind;
  visit(scratch, 42);
  if (!record.signedByAuthor) {
    visit(scratch, put(bytes, signingKey, signingKey + 32, PATH.signingKey));
  }
  visit(scratch, put(bytes, kind, kind + 8, PATH.kind));
  for (const tag of record.tags()) {
    const start = tag.start + 2;
    const end = tag.start + readU16(tag.source, tag.start);
    if (end - start <= TAG_BYTES_INLINE_MAX) visit(scratch, put(bytes, start, end, PATH.tag));
    else visit(scratch, put(h32(bytes.subarray(start, end)), 0, 32, PATH.longTag));
    if (isOddNotify(bytes, tag.start, end)) {
      visit(scratch, put(bytes, end - KEY_BYTES, end, PATH.oddNotify));
    }
  }
  if (!record.isKeySchedule) return;
  for (const subkey of attestedSubkeys(record.payload)) {
    visit(scratch, put(subkey, 0, KEY_BYTES, PATH.subkey));
  }
}

/** Rows of a record without tags: its own and those of six paths. */
const ROWS_BESIDE_TAGS = 7;

/**
 * About how many rows of an index a record takes: what adding it costs in proportion to. Every tag
 * counts, though repeated ones share a row.
 */
export function indexRowsOf(record: RecordView): number {
  return ROWS_BESIDE_TAGS + record.tagCount;
}

/**
 * Whether a Notify tag has something in its reserved bytes, so that path `tag` does not tell.
 *
 * @param start of the tag, its length included
 */
export function isOddNotify(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== KEY_TAG_BYTES || readU16(bytes, start + 2) !== TAG_TYPE.notify) return false;
  return readU32(bytes, start + 4) !== 0;
}

/** The subkeys whose attestations a key schedule's payload holds, as views; stops at what is no entry. */
export function* attestedSubkeys(payload: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at + KEY_ENTRY_HEAD_BYTES <= payload.length; ) {
    const end = at + readU16(payload, at + 2);
    if (end < at + KEY_ENTRY_HEAD_BYTES || end > payload.length) return;
    const data = at + KEY_ENTRY_HEAD_BYTES;
    const isAttestation = payload[at] === KEY_ENTRY.subkey && end - data === ATTESTATION_BYTES;
    if (isAttestation && payload[data + 5] === KEY_ALGORITHM.curve25519) {
      yield payload.subarray(data + 8, data + 8 + KEY_BYTES);
    }
    at = end;
  }
}

const scratch: Buffer = Buffer.alloc(HEAD_KEY_BYTES_MAX);

function put(bytes: Uint8Array, start: number, end: number, path: number): number {
  for (let i = start, at = 1; i < end; i++, at++) scratch[at] = bytes[i]!;
  scratch[1 + end - start] = path;
  return 2 + end - start;
}
