/**
 * Reading, writing and comparing bytes the way the Mosaic formats need it, without DataView or
 * Buffer: plain indexing is what JavaScript engines make fastest, and it runs in a browser.
 *
 * Readers do not check bounds: the caller has compared the length before. A read past the end
 * yields zeros, never an exception.
 */
import { invalid, type ByteRange } from './error.ts';

/** Rounds a byte count up to the next multiple of 8, without wrapping at 32 bits. */
export function pad8(length: number): number {
  const rest = length % 8;
  return rest === 0 ? length : length + 8 - rest;
}

/** Little-endian u16 at `at`. */
export function readU16(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}

/** Big-endian u16 at `at`. */
export function readU16BE(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Little-endian u24 at `at`. */
export function readU24(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
}

/** Little-endian u32 at `at`, 0 to 2³²−1. */
export function readU32(bytes: Uint8Array, at: number): number {
  return (readU24(bytes, at) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Big-endian u32 at `at`, 0 to 2³²−1. */
export function readU32BE(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  );
}

/** Little-endian u48 at `at`: always a safe integer. */
export function readU48(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) + readU16(bytes, at + 4) * 0x1_0000_0000;
}

/** Big-endian u64 at `at`. */
export function readU64BE(bytes: Uint8Array, at: number): bigint {
  return (BigInt(readU32BE(bytes, at)) << 32n) | BigInt(readU32BE(bytes, at + 4));
}

/** Writes `value` as little-endian u16. */
export function writeU16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}

/** Writes `value` as big-endian u16. */
export function writeU16BE(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Writes `value` as little-endian u24. */
export function writeU24(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
}

/** Writes `value` as little-endian u32. */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  writeU24(bytes, at, value);
  bytes[at + 3] = value >>> 24;
}

/** Writes `value` as big-endian u32. */
export function writeU32BE(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes `value`, a safe integer below 2⁴⁸, as little-endian u48. */
export function writeU48(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, value % 0x1_0000_0000);
  writeU16(bytes, at + 4, Math.floor(value / 0x1_0000_0000));
}

/** Writes `value`, 0 to 2⁶⁴−1, as big-endian u64. */
export function writeU64BE(bytes: Uint8Array, at: number, value: bigint): void {
  writeU32BE(bytes, at, Number((value >> 32n) & 0xffff_ffffn));
  writeU32BE(bytes, at + 4, Number(value & 0xffff_ffffn));
}

/** Whether `length` bytes of `a` at `atA` and of `b` at `atB` are the same. Not constant time. */
export function equalAt(
  a: Uint8Array,
  atA: number,
  b: Uint8Array,
  atB: number,
  length: number,
): boolean {
  for (let i = 0; i < length; i++) if (a[atA + i] !== b[atB + i]) return false;
  return true;
}

/** Whether two byte strings are the same. Not constant time: for public values only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && equalAt(a, 0, b, 0, a.length);
}

/** Lexicographic order, as memcmp gives it: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** A new array with the parts one after the other. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

const HEX_PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);

/** Lower-case hex. */
export function hexEncode(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += HEX_PAIRS[byte]!;
  return text;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const lower = code | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/**
 * Bytes from hex of either case.
 *
 * @throws MosaicError `invalid` with code `hex` at the first character that is none
 */
export function hexDecode(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 2 !== 0) {
    throw invalid('hex', 'hex has an odd number of digits', text.length - 1, text.length);
  }
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(text.charCodeAt(2 * i));
    const low = hexDigit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) {
      throw invalid('hex', 'a character is no hex digit', 2 * i, 2 * i + 2);
    }
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

const BASE64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Standard base64 with padding (RFC 4648 §4). */
export function base64Encode(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const left = bytes.length - i;
    const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    text += BASE64[word >> 18]! + BASE64[(word >> 12) & 63]!;
    text += left > 1 ? BASE64[(word >> 6) & 63]! : '=';
    text += left > 2 ? BASE64[word & 63]! : '=';
  }
  return text;
}

/** Bytes from padded standard base64; undefined where the text is none, or not canonical. */
export function base64Decode(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 4 !== 0) return undefined;
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let at = 0;
  let held = 0;
  let bits = 0;
  for (let i = 0; i < text.length - padding; i++) {
    const value = BASE64.indexOf(text[i]!);
    if (value < 0) return undefined;
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = held >> bits;
    }
  }
  return (held & ((1 << bits) - 1)) === 0 ? bytes : undefined;
}

/** `{start, end}` as `[start:end)`, for messages. */
export function formatRange(range: ByteRange): string {
  return `[${range.start}:${range.end})`;
}
