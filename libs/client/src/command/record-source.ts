/**
 * Ready records from a stream of any length: their bytes one after the other, or lines of text. At
 * most one record and one piece of the stream are held at a time.
 */
import {
  equalAt,
  MosaicError,
  pad8,
  readU16,
  readU32,
  RECORD_AT,
  RECORD_BYTES_MAX,
  RECORD_HEAD_BYTES,
  recordLengthFault,
} from '@mosaic-cluster/protocol';
import { asPlainText, decodeText } from './encoding.ts';
import type { ByteSource } from './host-streams.ts';

/** A record that was found, or what was found in place of one. */
export type FoundRecord =
  | { readonly bytes: Uint8Array; readonly where: string; readonly fault?: undefined }
  | { readonly bytes?: undefined; readonly where: string; readonly fault: MosaicError };

/** The longest line: a record in hex, and room for white space. */
const LINE_CHARACTERS_MAX: number = 2 * RECORD_BYTES_MAX + 1024;

/**
 * Walks through the records of `source`. A line that is no record is yielded as a fault.
 *
 * @throws MosaicError `invalid` with code `record` where bytes are none, so that nobody knows where
 *   the next record starts; what reading throws
 */
export async function* readRecords(
  source: ByteSource,
): AsyncGenerator<FoundRecord, void, undefined> {
  const chunks = source.chunks[Symbol.asyncIterator]();
  const head = await readHead(chunks);
  const isText = asPlainText(head.subarray(0, RECORD_HEAD_BYTES)) !== undefined;
  const rest = { [Symbol.asyncIterator]: () => chunks };
  yield* isText ? fromLines(head, rest, source.name) : fromBytes(head, rest, source.name);
}

/** A record's head cannot be taken for text: most of its flags are zero bytes. */
async function readHead(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < RECORD_HEAD_BYTES) {
    const { done, value } = await chunks.next();
    if (done === true) break;
    head = head.length === 0 ? value : Buffer.concat([head, value]);
  }
  return head;
}

async function* fromBytes(
  head: Uint8Array,
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<FoundRecord, void, undefined> {
  let held = head;
  let heldAt = 0;
  const take = function* (): Generator<FoundRecord, void, undefined> {
    let at = 0;
    for (;;) {
      const length = lengthAt(held, at, heldAt + at, name);
      if (length === undefined || held.length - at < length) break;
      // A copy: the piece of the stream that it lies in is let go.
      yield { bytes: held.slice(at, at + length), where: `${name}, byte ${heldAt + at}` };
      at += length;
    }
    held = held.subarray(at);
    heldAt += at;
  };
  yield* take();
  for await (const chunk of chunks) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    yield* take();
  }
  if (held.length > 0) {
    throw noRecord(
      `${name}, byte ${heldAt}`,
      `it ends within a record, after ${held.length} bytes`,
    );
  }
}

/** The length of the record at `at`; undefined while its head is not there. */
function lengthAt(
  bytes: Uint8Array,
  at: number,
  streamAt: number,
  name: string,
): number | undefined {
  if (bytes.length - at < RECORD_HEAD_BYTES) return undefined;
  const length =
    RECORD_HEAD_BYTES +
    pad8(readU16(bytes, at + RECORD_AT.tagsLength)) +
    pad8(readU32(bytes, at + RECORD_AT.payloadLength)) +
    pad8(readU16(bytes, at + RECORD_AT.signatureLength));
  const where = `${name}, byte ${streamAt}`;
  // Anything can look like lengths; both of a record's timestamps being the same is no accident.
  if (!equalAt(bytes, at, bytes.subarray(at + RECORD_AT.timestamp), 0, 8)) {
    throw noRecord(where, 'what starts here is no record: its ID does not hold its timestamp');
  }
  if (length <= RECORD_BYTES_MAX) return length;
  throw noRecord(
    where,
    `what starts here is no record: it would have ${length} bytes, at most ${RECORD_BYTES_MAX} can be`,
  );
}

async function* fromLines(
  head: Uint8Array,
  chunks: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<FoundRecord, void, undefined> {
  let number = 0;
  let held = '';
  const take = function* (piece: Uint8Array): Generator<FoundRecord, void, undefined> {
    const lines = (held + Buffer.from(piece).toString('latin1')).split('\n');
    held = lines.pop() ?? '';
    for (const line of lines) {
      number += 1;
      if (line.trim() !== '') yield fromLine(line, `${name}, line ${number}`);
    }
    if (held.length > LINE_CHARACTERS_MAX) {
      throw noRecord(`${name}, line ${number + 1}`, 'the line is longer than any record');
    }
  };
  yield* take(head);
  for await (const chunk of chunks) yield* take(chunk);
  if (held.trim() !== '') yield fromLine(held, `${name}, line ${number + 1}`);
}

/** The record that a text stands for. @param where what to call the text in a fault */
export function fromLine(text: string, where: string): FoundRecord {
  const decoded = decodeText(text);
  if ('message' in decoded) return { where, fault: noRecord(where, decoded.message) };
  const { bytes, human } = decoded;
  if (human !== undefined && human !== 'record') {
    return { where, fault: noRecord(where, 'this is no record, its prefix says something else') };
  }
  const fault = recordLengthFault(bytes);
  if (fault === undefined) return { bytes, where };
  return { where, fault: noRecord(where, fault.message) };
}

function noRecord(where: string, why: string): MosaicError {
  return new MosaicError('invalid', 'record', `${where}: ${why}`);
}
