/**
 * The messages between client and server: one WebSocket binary message each.
 *
 *     most     [0] type  [1:4) length u24 LE, of the whole message  [4:8) by type  [8:…) by type
 *     BLOBs    [0] type  [1] result or 0  [2:8) length u48 LE of the data  [8:40) hash  [40:…) data
 *     Closing  [0] type  [1] result  [2:8) zero
 *
 * Reserved bytes are written as 0 and not checked. A parsed message holds views over the bytes it
 * came in; records in it had only their lengths checked, see `validateMessage`.
 *
 * Source: Mosaic specification 0.8.0, "Messages".
 */
import { equalBytes, readU16, readU24, readU32, readU48 } from './bytes.ts';
import { invalid, MosaicError } from './error.ts';
import { type FilterView, parseFilter } from './filter.ts';
import { h32 } from './hash.ts';
import { parseRecord, RECORD_BYTES_MAX, type RecordView } from './record.ts';
import { recordFaultOf, type ValidationTools } from './record-validation.ts';
import { REFERENCE_BYTES, type Reference } from './reference.ts';

/** Message types. */
export const MESSAGE = {
  get: 0x01,
  query: 0x02,
  subscribe: 0x03,
  unsubscribe: 0x04,
  submission: 0x05,
  dhtLookup: 0x06,
  blobSubmission: 0x07,
  blobGet: 0x08,
  hello: 0x10,
  helloAuth: 0x11,
  record: 0x80,
  locallyComplete: 0x81,
  queryClosed: 0x82,
  submissionResult: 0x83,
  dhtResponse: 0x84,
  blobSubmissionResult: 0x85,
  blobResult: 0x86,
  helloAck: 0x90,
  unrecognized: 0xf0,
  closing: 0xfe,
} as const;

/** The names of the message types. */
export type MessageName = keyof typeof MESSAGE;

/** Most bytes of a message without a BLOB: a record behind its 8-byte head. */
export const MESSAGE_BYTES_MAX: number = RECORD_BYTES_MAX + 8;
/** Bytes before a message's variable part. */
export const MESSAGE_HEAD_BYTES = 8;
/** The data of a BLOB message starts here. */
export const BLOB_HEAD_BYTES = 40;

/** A query id: two opaque bytes, held as the number that their little-endian reading gives. */
export type QueryId = number;

/** Any message. Byte fields are views. */
export type Message =
  | { readonly name: 'get'; readonly queryId: QueryId; readonly references: readonly Reference[] }
  | {
      readonly name: 'query' | 'subscribe';
      readonly queryId: QueryId;
      /** Most stored records to answer with; 0: no limit. u16. */
      readonly limit: number;
      readonly filter: FilterView;
    }
  | { readonly name: 'unsubscribe' | 'locallyComplete'; readonly queryId: QueryId }
  | { readonly name: 'submission'; readonly record: RecordView }
  | { readonly name: 'record'; readonly queryId: QueryId; readonly record: RecordView }
  | { readonly name: 'queryClosed'; readonly queryId: QueryId; readonly result: number }
  | { readonly name: 'submissionResult'; readonly result: number; readonly idPrefix: Uint8Array }
  | { readonly name: 'closing'; readonly result: number }
  | { readonly name: 'unrecognized' }
  | {
      readonly name: 'hello';
      readonly majorVersion: number;
      readonly applicationIds: readonly number[];
    }
  | {
      readonly name: 'helloAck';
      readonly result: number;
      readonly majorVersion: number;
      readonly applicationIds: readonly number[];
    }
  | { readonly name: 'blobSubmission'; readonly hash: Uint8Array; readonly blob: Uint8Array }
  | { readonly name: 'blobGet'; readonly hash: Uint8Array }
  | { readonly name: 'blobSubmissionResult'; readonly result: number; readonly hash: Uint8Array }
  | {
      readonly name: 'blobResult';
      readonly result: number;
      readonly hash: Uint8Array;
      readonly blob: Uint8Array;
    };

const NAMES: ReadonlyMap<number, MessageName> = new Map(
  Object.entries(MESSAGE).map(([name, type]) => [type, name as MessageName]),
);

/** The name of a message type; undefined where none is registered. */
export function messageName(type: number): MessageName | undefined {
  return NAMES.get(type);
}

/** Who may send a type of message; undefined for types that are not registered. */
export function messageSender(type: number): 'client' | 'server' | 'either' | undefined {
  if (type === MESSAGE.unrecognized) return 'either';
  if (!NAMES.has(type)) return undefined;
  return type < 0x80 ? 'client' : 'server';
}

/** What an error answer to a message, even a malformed one, can be addressed to. */
export type MessageAddress =
  | { readonly name: 'query'; readonly queryId: QueryId }
  | { readonly name: 'submission'; readonly idPrefix: Uint8Array };

/**
 * What an answer to this request would be addressed to, as far as its bytes reach: the query id
 * from 6 bytes on, the ID prefix from 40. Undefined for other types and shorter bytes.
 */
export function messageAddress(bytes: Uint8Array): MessageAddress | undefined {
  const type = bytes[0];
  if (type === MESSAGE.submission) {
    return bytes.length < 40 ? undefined : { name: 'submission', idPrefix: bytes.subarray(8, 40) };
  }
  const hasQueryId = type !== undefined && type >= MESSAGE.get && type <= MESSAGE.unsubscribe;
  if (!hasQueryId || bytes.length < 6) return undefined;
  return { name: 'query', queryId: readU16(bytes, 4) };
}

/**
 * Reads one message, exactly as long as `bytes`.
 *
 * @returns views over `bytes`; a record's lengths and a filter's structure are checked
 * @throws MosaicError `invalid` with code `message`, `filter` or `record`; with code
 *   `unrecognized` for a type without a layout, which is answered with Unrecognized
 */
export function parseMessage(bytes: Uint8Array): Message {
  if (bytes.length === 0) throw fault('it is empty', 0, 0);
  const type = bytes[0]!;
  const name = NAMES.get(type);
  switch (name) {
    case undefined:
    case 'dhtLookup':
    case 'dhtResponse':
    case 'helloAuth':
      throw invalid('unrecognized', `type 0x${type.toString(16)} has no layout`, 0, 1);
    case 'blobSubmission':
    case 'blobResult':
    case 'blobGet':
    case 'blobSubmissionResult':
      return parseBlobMessage(name, bytes);
    case 'closing':
      requireLength(bytes, 8);
      return { name, result: bytes[1]! };
    default:
      return parseFramed(name, bytes);
  }
}

type FramedName = Exclude<
  MessageName,
  | 'dhtLookup'
  | 'dhtResponse'
  | 'helloAuth'
  | 'blobSubmission'
  | 'blobResult'
  | 'blobGet'
  | 'blobSubmissionResult'
  | 'closing'
>;

function parseFramed(name: FramedName, bytes: Uint8Array): Message {
  const { length } = bytes;
  if (length < MESSAGE_HEAD_BYTES) throw fault('it is shorter than 8 bytes', 0, length);
  if (readU24(bytes, 1) !== length) {
    throw fault(`it says ${readU24(bytes, 1)} bytes, there are ${length}`, 1, 4);
  }
  const queryId = readU16(bytes, 4);
  switch (name) {
    case 'get':
      return { name, queryId, references: references(bytes) };
    case 'query':
    case 'subscribe': {
      const filter = within(bytes, parseFilter);
      return { name, queryId, limit: readU16(bytes, 6), filter };
    }
    case 'unsubscribe':
    case 'locallyComplete':
      requireLength(bytes, 8);
      return { name, queryId };
    case 'submission':
      return { name, record: within(bytes, parseRecord) };
    case 'record':
      return { name, queryId, record: within(bytes, parseRecord) };
    case 'queryClosed':
      requireLength(bytes, 8);
      return { name, queryId, result: bytes[6]! };
    case 'submissionResult':
      requireLength(bytes, 40);
      return { name, result: bytes[4]!, idPrefix: bytes.subarray(8, 40) };
    case 'hello':
      return { name, majorVersion: readU16(bytes, 6), applicationIds: applicationIds(bytes) };
    case 'helloAck': {
      const majorVersion = readU16(bytes, 6);
      return { name, result: bytes[4]!, majorVersion, applicationIds: applicationIds(bytes) };
    }
    case 'unrecognized':
      requireLength(bytes, 8);
      return { name };
    default:
      throw new MosaicError('internal', 'message', 'a message name without a parser');
  }
}

function parseBlobMessage(
  name: 'blobSubmission' | 'blobResult' | 'blobGet' | 'blobSubmissionResult',
  bytes: Uint8Array,
): Message {
  if (bytes.length < BLOB_HEAD_BYTES) throw fault('it is shorter than 40 bytes', 0, bytes.length);
  const hash = bytes.subarray(8, 40);
  const result = bytes[1]!;
  if (name === 'blobGet' || name === 'blobSubmissionResult') {
    requireLength(bytes, BLOB_HEAD_BYTES);
    return name === 'blobGet' ? { name, hash } : { name, result, hash };
  }
  const blob = bytes.subarray(BLOB_HEAD_BYTES);
  if (readU48(bytes, 2) !== blob.length) {
    throw fault(`it says ${readU48(bytes, 2)} bytes of data, there are ${blob.length}`, 2, 8);
  }
  if (name === 'blobSubmission') return { name, hash, blob };
  if (blob.length > 0 && result !== 1) {
    throw fault('it has data although the result is no success', 1, 2);
  }
  return { name, result, hash, blob };
}

function references(bytes: Uint8Array): Reference[] {
  if ((bytes.length - MESSAGE_HEAD_BYTES) % REFERENCE_BYTES !== 0) {
    throw fault('references have 48 bytes each', MESSAGE_HEAD_BYTES, bytes.length);
  }
  const found: Reference[] = [];
  for (let at = MESSAGE_HEAD_BYTES; at < bytes.length; at += REFERENCE_BYTES) {
    found.push(bytes.subarray(at, at + REFERENCE_BYTES));
  }
  return found;
}

function applicationIds(bytes: Uint8Array): number[] {
  if (bytes.length % 4 !== 0) {
    throw fault('application ids have 4 bytes each', MESSAGE_HEAD_BYTES, bytes.length);
  }
  const ids: number[] = [];
  for (let at = MESSAGE_HEAD_BYTES; at < bytes.length; at += 4) ids.push(readU32(bytes, at));
  return ids;
}

/** Runs `parse` on what follows the head; byte ranges of its errors count from the message. */
function within<T>(bytes: Uint8Array, parse: (part: Uint8Array) => T): T {
  try {
    return parse(bytes.subarray(MESSAGE_HEAD_BYTES));
  } catch (error) {
    if (!(error instanceof MosaicError) || error.range === undefined) throw error;
    throw shifted(error, MESSAGE_HEAD_BYTES);
  }
}

function shifted(error: MosaicError, by: number): MosaicError {
  const { start, end } = error.range ?? { start: 0, end: 0 };
  const range = { start: start + by, end: end + by };
  const detail = error.step === undefined ? { range } : { range, step: error.step };
  return new MosaicError(error.kind, error.code, error.message, detail);
}

function requireLength(bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) {
    throw fault(`it must have ${length} bytes, not ${bytes.length}`, 0, bytes.length);
  }
}

function fault(message: string, start: number, end: number): MosaicError {
  return invalid('message', `message: ${message}`, start, end);
}

/**
 * Checks what {@link parseMessage} leaves open: that a record is valid and that a BLOB is what its
 * hash says.
 *
 * @throws MosaicError `invalid` with code `record` or `message`
 */
export function validateMessage(message: Message, tools: ValidationTools = {}): void {
  if (message.name === 'submission' || message.name === 'record') {
    const error = recordFaultOf(message.record, tools);
    if (error !== undefined) throw shifted(error, MESSAGE_HEAD_BYTES);
  }
  const isBlob = message.name === 'blobSubmission' || message.name === 'blobResult';
  if (!isBlob || (message.name === 'blobResult' && message.result !== 1)) return;
  if (!equalBytes(h32(message.blob), message.hash)) {
    throw fault('the hash is not that of the data', 8, 40);
  }
}
