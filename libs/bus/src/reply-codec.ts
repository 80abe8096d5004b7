/** What roles answer, as bytes; the layouts are in docs/bus.md. Decoded values are views. */
import {
  type ErrorKind,
  isMosaicError,
  MosaicError,
  parseRecord,
  type PublicKey,
  readTimestamp,
  readU16,
  readU32,
  type ResultCode,
  writeU16,
  writeU32,
  writeU64BE,
} from '@mosaic-cluster/protocol';
import { reportBytes, writeReport } from './call-codec.ts';
import type { CallReport, Page, ServedRecord } from './contract.ts';
import {
  expectMessage,
  malformed,
  sectionOf,
  startMessage,
  typeOf,
  WIRE,
  WIRE_KEY_BYTES,
} from './wire.ts';

const HEAD_BYTES = 8;
const PAGE_HEAD_BYTES = 16;
const SERVED_HEAD_BYTES = 16;
const HAS_NEXT = 1;
const HAS_BELOW = 2;

/** In the order of their numbers, which start at 1. */
const ERROR_KINDS: readonly ErrorKind[] = [
  'invalid',
  'unauthorized',
  'not-found',
  'conflict',
  'limited',
  'unavailable',
  'closed',
  'corrupt',
  'internal',
];
const ERROR_TEXT_BYTES_MAX = 4096;

/** One result code per submission, in order. */
export function encodeResults(results: readonly ResultCode[], report?: CallReport): Uint8Array {
  const length = HEAD_BYTES + results.length + reportBytes(report);
  const bytes = startMessage(WIRE.results, length, HEAD_BYTES);
  writeU32(bytes, 4, results.length);
  bytes.set(results, HEAD_BYTES);
  writeReport(bytes, report);
  return bytes;
}

/** @throws MosaicError what the role threw, or `corrupt` (`bus-message`) */
export function decodeResults(bytes: Uint8Array): readonly ResultCode[] {
  expectReply(bytes, WIRE.results, HEAD_BYTES);
  // A code that is not defined is passed on as it is.
  return Array.from(sectionOf(bytes, HEAD_BYTES, readU32(bytes, 4))) as ResultCode[];
}

/** One page; the records are copied into it. */
export function encodePage(page: Page, report?: CallReport): Uint8Array {
  const { records, next, below, scanned = 0 } = page;
  const nextBytes = next?.length ?? 0;
  const belowBytes = below?.length ?? 0;
  let length = PAGE_HEAD_BYTES + nextBytes + belowBytes + reportBytes(report);
  for (const { record } of records) length += SERVED_HEAD_BYTES + record.bytes.length;
  const bytes = startMessage(WIRE.page, length, PAGE_HEAD_BYTES);
  bytes[2] = (next === undefined ? 0 : HAS_NEXT) | (below === undefined ? 0 : HAS_BELOW);
  writeU32(bytes, 4, records.length);
  writeU16(bytes, 8, nextBytes);
  writeU16(bytes, 10, belowBytes);
  writeU32(bytes, 12, scanned);
  let at = PAGE_HEAD_BYTES;
  if (next !== undefined) bytes.set(next, at);
  at += nextBytes;
  if (below !== undefined) bytes.set(below, at);
  at += belowBytes;
  for (const { record, receivedAt } of records) {
    writeU64BE(bytes, at, receivedAt);
    writeU32(bytes, at + 8, record.bytes.length);
    writeU32(bytes, at + 12, 0);
    bytes.set(record.bytes, at + SERVED_HEAD_BYTES);
    at += SERVED_HEAD_BYTES + record.bytes.length;
  }
  writeReport(bytes, report);
  return bytes;
}

/** @throws MosaicError what the role threw, or `corrupt` (`bus-message`) */
export function decodePage(bytes: Uint8Array): Page {
  expectReply(bytes, WIRE.page, PAGE_HEAD_BYTES);
  const flags = bytes[2]!;
  let at = PAGE_HEAD_BYTES;
  const next = sectionOf(bytes, at, readU16(bytes, 8));
  at += next.length;
  const below = sectionOf(bytes, at, readU16(bytes, 10));
  at += below.length;
  const records: ServedRecord[] = [];
  const count = readU32(bytes, 4);
  for (let i = 0; i < count; i++) {
    sectionOf(bytes, at, SERVED_HEAD_BYTES);
    const record = parseRecord(sectionOf(bytes, at + SERVED_HEAD_BYTES, readU32(bytes, at + 8)));
    records.push({ record, receivedAt: readTimestamp(bytes, at) });
    at += SERVED_HEAD_BYTES + record.bytes.length;
  }
  return {
    records,
    next: (flags & HAS_NEXT) === 0 ? undefined : next,
    below: (flags & HAS_BELOW) === 0 ? undefined : below,
    scanned: readU32(bytes, 12) || undefined,
  };
}

/** Master keys, in order. */
export function encodeKeys(keys: readonly PublicKey[]): Uint8Array {
  const length = HEAD_BYTES + keys.length * WIRE_KEY_BYTES;
  const bytes = startMessage(WIRE.keys, length, HEAD_BYTES);
  writeU32(bytes, 4, keys.length);
  keys.forEach((key, i) => bytes.set(key, HEAD_BYTES + i * WIRE_KEY_BYTES));
  return bytes;
}

/** @throws MosaicError what the role threw, or `corrupt` (`bus-message`) */
export function decodeKeys(bytes: Uint8Array): readonly PublicKey[] {
  expectReply(bytes, WIRE.keys, HEAD_BYTES);
  const section = sectionOf(bytes, HEAD_BYTES, readU32(bytes, 4) * WIRE_KEY_BYTES);
  const keys: PublicKey[] = [];
  for (let at = 0; at < section.length; at += WIRE_KEY_BYTES) {
    keys.push(section.subarray(at, at + WIRE_KEY_BYTES));
  }
  return keys;
}

/** What a role threw. Of an error that is not meant for callers, nothing crosses but that it was. */
export function encodeError(error: unknown, report?: CallReport): Uint8Array {
  const kind = isMosaicError(error) ? ERROR_KINDS.indexOf(error.kind) + 1 : 0;
  const isKnown = isMosaicError(error) && kind > 0;
  const code = textBytes(isKnown ? error.code : 'role-failed');
  const message = textBytes(isKnown ? error.message : 'the role failed; its log says why');
  const length = HEAD_BYTES + code.length + message.length + reportBytes(report);
  const bytes = startMessage(WIRE.error, length, HEAD_BYTES);
  bytes[2] = isKnown ? kind : ERROR_KINDS.indexOf('internal') + 1;
  writeU16(bytes, 4, code.length);
  writeU16(bytes, 6, message.length);
  bytes.set(code, HEAD_BYTES);
  bytes.set(message, HEAD_BYTES + code.length);
  writeReport(bytes, report);
  return bytes;
}

/** The error that {@link encodeError} wrote; of a kind that is not known here: `internal`. */
export function decodeError(bytes: Uint8Array): MosaicError {
  expectMessage(bytes, WIRE.error, HEAD_BYTES);
  const code = sectionOf(bytes, HEAD_BYTES, readU16(bytes, 4));
  const message = sectionOf(bytes, HEAD_BYTES + code.length, readU16(bytes, 6));
  const kind = ERROR_KINDS[bytes[2]! - 1] ?? 'internal';
  return new MosaicError(kind, textOf(code), textOf(message));
}

/** Cuts a reply into parts of at most `bytesMax`; one that fits stays as it is. */
export function cutReply(reply: Uint8Array, bytesMax: number): Uint8Array[] {
  if (reply.length <= bytesMax) return [reply];
  const parts: Uint8Array[] = [];
  const share = bytesMax - HEAD_BYTES;
  for (let from = 0; from < reply.length; from += share) {
    const piece = reply.subarray(from, from + share);
    const bytes = startMessage(WIRE.part, HEAD_BYTES + piece.length, HEAD_BYTES);
    bytes[2] = from + share < reply.length ? 0 : 1;
    writeU32(bytes, 4, parts.length);
    bytes.set(piece, HEAD_BYTES);
    parts.push(bytes);
  }
  return parts;
}

/** A part of a reply. */
export interface ReplyPart {
  readonly position: number;
  readonly isLast: boolean;
  /** A view. */
  readonly bytes: Uint8Array;
}

/** A reply's part; undefined for a reply that is whole. */
export function replyPart(bytes: Uint8Array): ReplyPart | undefined {
  if (typeOf(bytes) !== WIRE.part) return undefined;
  expectMessage(bytes, WIRE.part, HEAD_BYTES);
  return {
    position: readU32(bytes, 4),
    isLast: bytes[2] === 1,
    bytes: bytes.subarray(HEAD_BYTES),
  };
}

function expectReply(bytes: Uint8Array, type: number, bytesMin: number): void {
  if (typeOf(bytes) === WIRE.error) throw decodeError(bytes);
  expectMessage(bytes, type, bytesMin);
}

function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text).subarray(0, ERROR_TEXT_BYTES_MAX);
}

function textOf(bytes: Uint8Array): string {
  if (bytes.length > ERROR_TEXT_BYTES_MAX) throw malformed('an error text is too long');
  return new TextDecoder().decode(bytes);
}
