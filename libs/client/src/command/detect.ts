/**
 * What kind of thing some bytes are. What fits a format from end to end is taken as that;
 * otherwise, so that damaged data is explained too, what it most resembles.
 */
import {
  equalAt,
  FILTER_ELEMENT,
  type HumanKind,
  KEY_BYTES,
  messageName,
  parseFilter,
  parseMessage,
  readU16,
  readU24,
  RECORD_AT,
  RECORD_HEAD_BYTES,
  recordLengthFault,
  REFERENCE_BYTES,
} from '@mosaic-cluster/protocol';
import type { InputType } from './report.ts';

/** Bytes of an encrypted secret key. */
export const ENCRYPTED_KEY_BYTES = 58;

/** A type, and whether the bytes fit it from end to end or only resemble it. */
export interface Detected {
  readonly type: InputType;
  readonly isGuess: boolean;
}

const OF_HUMAN: Readonly<Record<HumanKind, InputType>> = {
  userKey: 'key',
  serverKey: 'key',
  secretKey: 'secret-key',
  encryptedSecretKey: 'encrypted-key',
  reference: 'reference',
  record: 'record',
};

/** The type that a human encoding's prefix names. */
export function typeOfHuman(human: HumanKind): InputType {
  return OF_HUMAN[human];
}

function parses(parse: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean {
  try {
    parse(bytes);
    return true;
  } catch {
    return false;
  }
}

/** The type of `bytes`; undefined where they resemble nothing. */
export function detect(bytes: Uint8Array): Detected | undefined {
  const fitting = fittingType(bytes);
  if (fitting !== undefined) return { type: fitting, isGuess: false };
  const similar = similarType(bytes);
  return similar && { type: similar, isGuess: true };
}

function fittingType(bytes: Uint8Array): InputType | undefined {
  if (recordLengthFault(bytes) === undefined) return 'record';
  if (parses(parseFilter, bytes)) return 'filter';
  if (parses(parseMessage, bytes)) return 'message';
  if (bytes.length === KEY_BYTES) return 'key';
  if (bytes.length === REFERENCE_BYTES) return 'reference';
  if (bytes.length === ENCRYPTED_KEY_BYTES && bytes[0] === 1) return 'encrypted-key';
  return undefined;
}

const ELEMENT_TYPES: ReadonlySet<number> = new Set(Object.values(FILTER_ELEMENT));

/** The first byte of timestamps from 2008 to 2044: how most IDs, and so most records, begin. */
function startsLikeId(bytes: Uint8Array): boolean {
  return bytes[0]! >= 0x10 && bytes[0]! < 0x20;
}

function similarType(bytes: Uint8Array): InputType | undefined {
  const { length } = bytes;
  if (length < 2) return undefined;
  if (length >= RECORD_AT.flags && equalAt(bytes, 0, bytes, RECORD_AT.timestamp, 8)) {
    return 'record';
  }
  const isMessageType = messageName(bytes[0]!) !== undefined;
  if (isMessageType && length >= 4 && readU24(bytes, 1) === length) return 'message';
  if (resemblesFilter(bytes)) return 'filter';
  if (length >= RECORD_HEAD_BYTES && startsLikeId(bytes)) return 'record';
  if (isMessageType) return 'message';
  if (length >= RECORD_HEAD_BYTES || (length > REFERENCE_BYTES && startsLikeId(bytes))) {
    return 'record';
  }
  return undefined;
}

function resemblesFilter(bytes: Uint8Array): boolean {
  const { length } = bytes;
  if (length < 8 || bytes.subarray(2, 8).some((byte) => byte !== 0)) return false;
  const says = readU16(bytes, 0);
  return says === length || (says >= 8 && length > 8 && ELEMENT_TYPES.has(bytes[8]!));
}
