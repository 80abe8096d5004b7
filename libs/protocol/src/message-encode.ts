/**
 * Writing messages, each into new bytes of exactly its length.
 *
 * Source: Mosaic specification 0.8.0, "Messages".
 */
import { writeU16, writeU24, writeU32, writeU48 } from './bytes.ts';
import { MosaicError } from './error.ts';
import {
  BLOB_HEAD_BYTES,
  MESSAGE,
  MESSAGE_HEAD_BYTES,
  type Message,
  type MessageName,
  type QueryId,
} from './message.ts';
import { REFERENCE_BYTES } from './reference.ts';

/** Most bytes of a message with a u24 length. */
const FRAMED_BYTES_MAX = 0xff_ffff;

function framed(name: MessageName, length: number): Uint8Array<ArrayBuffer> {
  if (length > FRAMED_BYTES_MAX) {
    throw new MosaicError('invalid', 'message', `message: ${length} bytes do not fit a u24 length`);
  }
  const bytes = new Uint8Array(length);
  bytes[0] = MESSAGE[name];
  writeU24(bytes, 1, length);
  return bytes;
}

/** Refuses a number that would be cut off on the way into its field. */
function requireUnsigned(what: string, value: number, max: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  throw new MosaicError('invalid', 'message', `message: ${what} ${value} is not in 0 to ${max}`);
}

function withQueryId(name: MessageName, queryId: QueryId, length: number): Uint8Array<ArrayBuffer> {
  const bytes = framed(name, length);
  requireUnsigned('query id', queryId, 0xffff);
  writeU16(bytes, 4, queryId);
  return bytes;
}

/**
 * The bytes of a message.
 *
 * @throws MosaicError `invalid` with code `message` for parts that do not fit
 */
export function encodeMessage(message: Message): Uint8Array<ArrayBuffer> {
  switch (message.name) {
    case 'get': {
      const { references } = message;
      const length = MESSAGE_HEAD_BYTES + references.length * REFERENCE_BYTES;
      const bytes = withQueryId('get', message.queryId, length);
      references.forEach((reference, i) => {
        requireBytes('a reference', reference, REFERENCE_BYTES);
        bytes.set(reference, MESSAGE_HEAD_BYTES + i * REFERENCE_BYTES);
      });
      return bytes;
    }
    case 'query':
    case 'subscribe': {
      const filter = message.filter.bytes;
      const bytes = withQueryId(message.name, message.queryId, MESSAGE_HEAD_BYTES + filter.length);
      writeU16(bytes, 6, requireUnsigned('limit', message.limit, 0xffff));
      bytes.set(filter, MESSAGE_HEAD_BYTES);
      return bytes;
    }
    case 'unsubscribe':
    case 'locallyComplete':
      return withQueryId(message.name, message.queryId, MESSAGE_HEAD_BYTES);
    case 'submission':
      return encodeSubmission(message.record.bytes);
    case 'record':
      return encodeRecordMessage(message.queryId, message.record.bytes);
    case 'queryClosed': {
      const bytes = withQueryId('queryClosed', message.queryId, MESSAGE_HEAD_BYTES);
      bytes[6] = requireUnsigned('result', message.result, 0xff);
      return bytes;
    }
    case 'submissionResult':
      return encodeSubmissionResult(message.result, message.idPrefix);
    case 'closing':
      return encodeClosing(message.result);
    case 'unrecognized':
      return framed('unrecognized', MESSAGE_HEAD_BYTES);
    case 'hello':
    case 'helloAck': {
      const { applicationIds } = message;
      const bytes = framed(message.name, MESSAGE_HEAD_BYTES + 4 * applicationIds.length);
      if (message.name === 'helloAck') bytes[4] = requireUnsigned('result', message.result, 0xff);
      writeU16(bytes, 6, requireUnsigned('major version', message.majorVersion, 0xffff));
      applicationIds.forEach((id, i) => {
        requireUnsigned('application id', id, 0xffff_ffff);
        writeU32(bytes, MESSAGE_HEAD_BYTES + 4 * i, id);
      });
      return bytes;
    }
    case 'blobSubmission':
      return blobMessage('blobSubmission', 0, message.hash, message.blob);
    case 'blobResult':
      return blobMessage('blobResult', message.result, message.hash, message.blob);
    case 'blobGet':
      return blobMessage('blobGet', 0, message.hash, undefined);
    case 'blobSubmissionResult':
      return blobMessage('blobSubmissionResult', message.result, message.hash, undefined);
    default:
      throw new MosaicError('internal', 'message', 'a message name without an encoder');
  }
}

/** A Submission of a whole record. */
export function encodeSubmission(record: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = framed('submission', MESSAGE_HEAD_BYTES + record.length);
  bytes.set(record, MESSAGE_HEAD_BYTES);
  return bytes;
}

/** A Record message with a whole record. */
export function encodeRecordMessage(queryId: QueryId, record: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = withQueryId('record', queryId, MESSAGE_HEAD_BYTES + record.length);
  bytes.set(record, MESSAGE_HEAD_BYTES);
  return bytes;
}

/**
 * Writes only the 8-byte head of a Record message, for senders that put the record behind it
 * themselves.
 *
 * @param at where in `bytes` the head starts
 * @param recordLength bytes of the record that will follow
 */
export function writeRecordHead(
  bytes: Uint8Array,
  at: number,
  queryId: QueryId,
  recordLength: number,
): void {
  bytes[at] = MESSAGE.record;
  writeU24(bytes, at + 1, MESSAGE_HEAD_BYTES + recordLength);
  writeU16(bytes, at + 4, queryId);
  writeU16(bytes, at + 6, 0);
}

/**
 * A Submission Result.
 *
 * @param id the record's ID or at least its first 32 bytes
 * @throws MosaicError `invalid` with code `message` for a shorter ID or a result that is no byte
 */
export function encodeSubmissionResult(result: number, id: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = framed('submissionResult', 40);
  const prefix = id.subarray(0, 32);
  requireBytes('an ID prefix', prefix, 32);
  bytes[4] = requireUnsigned('result', result, 0xff);
  bytes.set(prefix, MESSAGE_HEAD_BYTES);
  return bytes;
}

/** A Closing message. */
export function encodeClosing(result: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  bytes[0] = MESSAGE.closing;
  bytes[1] = requireUnsigned('result', result, 0xff);
  return bytes;
}

function blobMessage(
  name: MessageName,
  result: number,
  hash: Uint8Array,
  blob: Uint8Array | undefined,
): Uint8Array<ArrayBuffer> {
  requireBytes('a hash', hash, 32);
  const bytes = new Uint8Array(BLOB_HEAD_BYTES + (blob?.length ?? 0));
  bytes[0] = MESSAGE[name];
  bytes[1] = requireUnsigned('result', result, 0xff);
  bytes.set(hash, 8);
  if (blob === undefined) return bytes;
  writeU48(bytes, 2, blob.length);
  bytes.set(blob, BLOB_HEAD_BYTES);
  return bytes;
}

function requireBytes(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) {
    throw new MosaicError('invalid', 'message', `message: ${what} has ${length} bytes`);
  }
}
