/** Requests to roles as bytes; the layouts are in docs/bus.md. Decoded values are views. */
import {
  parseFilter,
  parseRecord,
  type PublicKey,
  readU16,
  readU32,
  type Reference,
  REFERENCE_BYTES,
  writeU16,
  writeU32,
} from '@mosaic-cluster/protocol';
import { callBytes, writeCall } from './call-codec.ts';
import type { CallContext, GetRequest, PageBudget, QueryRequest, Submission } from './contract.ts';
import { expectMessage, malformed, sectionOf, startMessage, WIRE, WIRE_KEY_BYTES } from './wire.ts';

const HEAD_BYTES = 8;
const ENTRY_HEAD_BYTES = 8;
const QUERY_HEAD_BYTES = 24;
const HAS_READER = 1;
const HAS_CURSOR = 2;
const HAS_SUBMITTER = 1;
const BUDGET_MAX = 0xffff_ffff;

/** Bytes that a submission takes in a request. */
export function submissionBytes({ record, submitter }: Submission): number {
  const key = submitter === undefined ? 0 : WIRE_KEY_BYTES;
  return ENTRY_HEAD_BYTES + key + record.bytes.length;
}

/** A batch of submissions; the records are copied into it. */
export function encodeSubmit(submissions: readonly Submission[], call?: CallContext): Uint8Array {
  let length = HEAD_BYTES + callBytes(call);
  for (const submission of submissions) length += submissionBytes(submission);
  const bytes = startMessage(WIRE.submit, length, HEAD_BYTES);
  writeU32(bytes, 4, submissions.length);
  let at = HEAD_BYTES;
  for (const { record, submitter } of submissions) {
    bytes.fill(0, at, at + ENTRY_HEAD_BYTES);
    writeU32(bytes, at, record.bytes.length);
    bytes[at + 4] = submitter === undefined ? 0 : HAS_SUBMITTER;
    at += ENTRY_HEAD_BYTES;
    if (submitter !== undefined) {
      bytes.set(submitter, at);
      at += WIRE_KEY_BYTES;
    }
    bytes.set(record.bytes, at);
    at += record.bytes.length;
  }
  writeCall(bytes, call);
  return bytes;
}

/** @throws MosaicError `corrupt` (`bus-message`), `invalid` for a record whose lengths don't fit */
export function decodeSubmit(bytes: Uint8Array): Submission[] {
  expectMessage(bytes, WIRE.submit, HEAD_BYTES);
  const count = readU32(bytes, 4);
  const submissions: Submission[] = [];
  let at = HEAD_BYTES;
  for (let i = 0; i < count; i++) {
    sectionOf(bytes, at, ENTRY_HEAD_BYTES);
    const length = readU32(bytes, at);
    const hasSubmitter = (bytes[at + 4]! & HAS_SUBMITTER) !== 0;
    at += ENTRY_HEAD_BYTES;
    let submitter: PublicKey | undefined;
    if (hasSubmitter) {
      submitter = sectionOf(bytes, at, WIRE_KEY_BYTES);
      at += WIRE_KEY_BYTES;
    }
    submissions.push({ record: parseRecord(sectionOf(bytes, at, length)), submitter });
    at += length;
  }
  return submissions;
}

/** A query for one page; the filter is copied into it. */
export function encodeQuery(request: QueryRequest, call?: CallContext): Uint8Array {
  const { filter } = request;
  const { length } = filter.bytes;
  const tail = callBytes(call);
  const bytes = startQuery(WIRE.query, request, length, length + tail);
  bytes.set(filter.bytes, bytes.length - tail - length);
  writeCall(bytes, call);
  return bytes;
}

/** @throws MosaicError `corrupt` (`bus-message`), `invalid` (`filter`) */
export function decodeQuery(bytes: Uint8Array): QueryRequest {
  expectMessage(bytes, WIRE.query, QUERY_HEAD_BYTES);
  const { reader, cursor, end } = readQuery(bytes);
  const filter = parseFilter(sectionOf(bytes, end, readU32(bytes, 20)));
  return { filter, reader, cursor, budget: readBudget(bytes) };
}

/** A request for records by reference. */
export function encodeGet(request: GetRequest, call?: CallContext): Uint8Array {
  const { references } = request;
  const lastBytes = references.length * REFERENCE_BYTES + callBytes(call);
  const bytes = startQuery(WIRE.get, request, references.length, lastBytes);
  let at = bytes.length - lastBytes;
  for (const reference of references) {
    bytes.set(reference, at);
    at += REFERENCE_BYTES;
  }
  writeCall(bytes, call);
  return bytes;
}

/** @throws MosaicError `corrupt` (`bus-message`) */
export function decodeGet(bytes: Uint8Array): GetRequest {
  expectMessage(bytes, WIRE.get, QUERY_HEAD_BYTES);
  const { reader, cursor, end } = readQuery(bytes);
  const count = readU32(bytes, 20);
  const section = sectionOf(bytes, end, count * REFERENCE_BYTES);
  const references: Reference[] = [];
  for (let at = 0; at < section.length; at += REFERENCE_BYTES) {
    references.push(section.subarray(at, at + REFERENCE_BYTES));
  }
  return { references, reader, cursor, budget: readBudget(bytes) };
}

/** A question for the master keys that a key acts for. */
export function encodeIdentities(key: PublicKey): Uint8Array {
  const bytes = startMessage(WIRE.identities, 4 + WIRE_KEY_BYTES, 4);
  bytes.set(key, 4);
  return bytes;
}

/** @throws MosaicError `corrupt` (`bus-message`) */
export function decodeIdentities(bytes: Uint8Array): PublicKey {
  expectMessage(bytes, WIRE.identities, 4 + WIRE_KEY_BYTES);
  return bytes.subarray(4, 4 + WIRE_KEY_BYTES);
}

type QueryHead = Pick<QueryRequest, 'reader' | 'cursor' | 'budget'>;

/** Room for a query's last section, behind everything that both kinds of query have. */
function startQuery(
  type: number,
  head: QueryHead,
  lastCount: number,
  lastBytes: number,
): Uint8Array {
  const { reader, cursor, budget } = head;
  const readerBytes = reader === undefined ? 0 : WIRE_KEY_BYTES;
  const cursorBytes = cursor?.length ?? 0;
  if (cursorBytes > 0xffff) throw malformed(`a cursor of ${cursorBytes} bytes`);
  const length = QUERY_HEAD_BYTES + readerBytes + cursorBytes + lastBytes;
  const bytes = startMessage(type, length, QUERY_HEAD_BYTES);
  bytes[2] = (reader === undefined ? 0 : HAS_READER) | (cursor === undefined ? 0 : HAS_CURSOR);
  writeU32(bytes, 4, Math.min(budget.records, BUDGET_MAX));
  writeU32(bytes, 8, Math.min(budget.bytes, BUDGET_MAX));
  writeU32(bytes, 12, Math.min(budget.scanned, BUDGET_MAX));
  writeU16(bytes, 16, cursorBytes);
  writeU32(bytes, 20, lastCount);
  if (reader !== undefined) bytes.set(reader, QUERY_HEAD_BYTES);
  if (cursor !== undefined) bytes.set(cursor, QUERY_HEAD_BYTES + readerBytes);
  return bytes;
}

function readQuery(bytes: Uint8Array): {
  reader: PublicKey | undefined;
  cursor: Uint8Array | undefined;
  end: number;
} {
  const flags = bytes[2]!;
  let end = QUERY_HEAD_BYTES;
  let reader: PublicKey | undefined;
  if ((flags & HAS_READER) !== 0) {
    reader = sectionOf(bytes, end, WIRE_KEY_BYTES);
    end += WIRE_KEY_BYTES;
  }
  const section = sectionOf(bytes, end, readU16(bytes, 16));
  const cursor = (flags & HAS_CURSOR) === 0 ? undefined : section;
  return { reader, cursor, end: end + section.length };
}

function readBudget(bytes: Uint8Array): PageBudget {
  return {
    records: readU32(bytes, 4),
    bytes: readU32(bytes, 8),
    scanned: readU32(bytes, 12),
  };
}
