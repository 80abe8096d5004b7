/**
 * Control objects: facts of the registry, as a change brought them or as a compaction joined them.
 *
 *     [0:8)   4d 6f 73 52 65 67 0d 0a ("MosReg", carriage return, line feed)
 *     [8:10)  format version: 1           [10:12) bytes of the header: 48
 *     [12:16) number of facts             [16:24) bytes of the facts
 *     [24:32) salt: 8 random bytes
 *     [32:40) removals of before this time were left out: milliseconds since 1970; 0: none were
 *     [40:44) zero
 *     [44:48) CRC-32C of [0:44) and of the facts
 *     [48:…)  the facts, see fact-block.ts
 *     numbers little endian
 */
import {
  MosaicError,
  readU16,
  readU32,
  readU48,
  writeU16,
  writeU32,
  writeU48,
} from '@mosaic-cluster/protocol';
import { crc32c } from './crc32c.ts';
import { compareNames, FACT_HEAD_BYTES, FactBlock } from './fact-block.ts';
import { FACT_KEY_BYTES_MAX, FACT_VALUE_BYTES_MAX } from './registry.ts';

const MAGIC = Uint8Array.of(0x4d, 0x6f, 0x73, 0x52, 0x65, 0x67, 0x0d, 0x0a);
const FORMAT = 1;
const SALT_BYTES = 8;
const CHECKSUM_AT = 44;
/** Bytes of a control object's header. */
export const CONTROL_HEADER_BYTES = 48;
/** Longest name of a collection. */
const COLLECTION_BYTES_MAX = 32;

/** What a control object holds. */
export interface ControlContent {
  readonly block: FactBlock;
  /** Removals of before this time were left out; milliseconds since 1970, 0: none were. */
  readonly forgottenMs: number;
}

/** Writes a control object. @param salt 8 bytes that make it unlike any other */
export function encodeControl(
  { block, forgottenMs }: ControlContent,
  salt: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(CONTROL_HEADER_BYTES + block.bytes.length);
  bytes.set(MAGIC);
  writeU16(bytes, 8, FORMAT);
  writeU16(bytes, 10, CONTROL_HEADER_BYTES);
  writeU32(bytes, 12, block.count);
  writeU48(bytes, 16, block.bytes.length);
  bytes.set(salt.subarray(0, SALT_BYTES), 24);
  writeU48(bytes, 32, forgottenMs);
  bytes.set(block.bytes, CONTROL_HEADER_BYTES);
  writeU32(bytes, CHECKSUM_AT, checksumOf(bytes));
  return bytes;
}

/**
 * Reads a control object whole; what it returns refers to the bytes.
 *
 * @param name of the object, for messages
 * @throws MosaicError `corrupt` (`control-object`) where a byte is not as it was written, or a newer
 *   version wrote it
 */
export function decodeControl(bytes: Uint8Array, name: string): ControlContent {
  const isOurs =
    bytes.length >= CONTROL_HEADER_BYTES && MAGIC.every((byte, i) => bytes[i] === byte);
  if (!isOurs) throw damaged(name, 'it has no header');
  const format = readU16(bytes, 8);
  if (format !== FORMAT) {
    throw damaged(name, `it is of format ${format}, this server reads format ${FORMAT}`);
  }
  const isWhole =
    readU16(bytes, 10) === CONTROL_HEADER_BYTES &&
    readU48(bytes, 16) === bytes.length - CONTROL_HEADER_BYTES &&
    readU32(bytes, CHECKSUM_AT) === checksumOf(bytes);
  if (!isWhole) throw damaged(name, 'its length or checksum is wrong');
  const facts = bytes.subarray(CONTROL_HEADER_BYTES);
  const starts = startsIn(facts, readU32(bytes, 12));
  if (starts === undefined) throw damaged(name, 'its facts are not in order');
  return { block: new FactBlock(facts, starts), forgottenMs: readU48(bytes, 32) };
}

/** Where facts start; undefined: they are not what a server writes. */
function startsIn(bytes: Uint8Array, count: number): Uint32Array | undefined {
  if (count * FACT_HEAD_BYTES > bytes.length) return undefined;
  const starts = new Uint32Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    const nameBytes = readU16(bytes, at);
    const valueBytes = readU16(bytes, at + 2);
    const end = at + FACT_HEAD_BYTES + nameBytes + valueBytes;
    const separator = bytes.subarray(at + FACT_HEAD_BYTES, end - valueBytes).indexOf(0);
    const isFact =
      end <= bytes.length &&
      separator >= 1 &&
      separator <= COLLECTION_BYTES_MAX &&
      nameBytes - separator - 1 >= 1 &&
      nameBytes - separator - 1 <= FACT_KEY_BYTES_MAX &&
      valueBytes <= FACT_VALUE_BYTES_MAX &&
      bytes[at + 4]! <= 1 &&
      bytes[at + 5] === 0;
    if (!isFact) return undefined;
    if (i > 0 && compareNames(bytes, starts[i - 1]!, bytes, at) >= 0) return undefined;
    starts[i] = at;
    at = end;
  }
  return at === bytes.length ? starts : undefined;
}

function checksumOf(bytes: Uint8Array): number {
  return crc32c(bytes, CONTROL_HEADER_BYTES, bytes.length, crc32c(bytes, 0, CHECKSUM_AT));
}

function damaged(name: string, why: string): MosaicError {
  const message =
    `${name} is no control object that can be read: ${why}. Restore it from a backup; or remove it, ` +
    'then what it says of users and decisions is lost';
  return new MosaicError('corrupt', 'control-object', message);
}
