/** What all messages between processes share: their head, their types, their faults. */
import { MosaicError } from '@mosaic-cluster/protocol';

/** Minor version that is written; every one from 1 on is read. */
export const WIRE_MINOR = 1;

/** Message types, at offset 1. */
export const WIRE = {
  submit: 0x01,
  query: 0x02,
  get: 0x03,
  identities: 0x04,
  live: 0x20,
  withheld: 0x21,
  beat: 0x22,
  sync: 0x23,
  ask: 0x30,
  results: 0x81,
  page: 0x82,
  keys: 0x84,
  reached: 0xa0,
  told: 0xb0,
  part: 0xfe,
  error: 0xff,
} as const;

/** Bytes of a key. */
export const WIRE_KEY_BYTES = 32;

/** Room for a message: head written, the rest of its first `zeroed` bytes zero. */
export function startMessage(type: number, length: number, zeroed: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(length);
  bytes.fill(0, 0, zeroed);
  bytes[0] = WIRE_MINOR;
  bytes[1] = type;
  return bytes;
}

/**
 * The type of a message.
 *
 * @throws MosaicError `corrupt` (`bus-message`) for what is no message
 */
export function typeOf(bytes: Uint8Array): number {
  if (bytes.length < 2) throw malformed(`${bytes.length} bytes are no message`);
  if (bytes[0] === 0) throw malformed('minor version 0');
  return bytes[1]!;
}

/** @throws MosaicError `corrupt` (`bus-message`) unless it is of the type and has that many bytes */
export function expectMessage(bytes: Uint8Array, type: number, bytesMin: number): void {
  const found = typeOf(bytes);
  if (found !== type) throw malformed(`type ${found} where ${type} was expected`);
  if (bytes.length < bytesMin) throw malformed(`${bytes.length} bytes, at least ${bytesMin}`);
}

/** A view of `length` bytes. @throws MosaicError `corrupt` (`bus-message`) where they are not there */
export function sectionOf(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const end = at + length;
  if (end > bytes.length) throw malformed(`a section ends at ${end} of ${bytes.length} bytes`);
  return bytes.subarray(at, end);
}

/** The error of bytes that are no message of this bus. */
export function malformed(why: string): MosaicError {
  return new MosaicError('corrupt', 'bus-message', `a message on the bus is malformed: ${why}`);
}
