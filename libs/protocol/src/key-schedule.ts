/**
 * Key schedules: the record in which a master key lists its subkeys and revokes them, and the
 * question that everything else asks of it: does this key belong to that master key?
 *
 *     entry        [0] kind  [1] 0  [2:4) length u16 LE, head included  [4:6) marker u16 LE
 *                  [6:8) zero  [8:16) revocation timestamp  [16:…) data
 *     attestation  [0:5) 2c 28 98 f5 8b  [5] algorithm  [6:8) signature length u16 LE
 *                  [8:40) subkey  [40:72) master key  [72:136) signature over [0:72)
 *     encryption   [0:5) d6 da f0 bd 33  [5] algorithm  [6:8) zero  [8:40) key
 *
 * One fault makes the whole schedule invalid. A secp256k1 attestation, whose signature has no
 * defined rule yet, is checked in everything but its signature and never makes a signing key.
 *
 * Source: Mosaic specification 0.8.0, "Key Schedule".
 */
import { equalAt, equalBytes, hexEncode, readU16 } from './bytes.ts';
import { KEY_TAG_BYTES, TAG_TYPE } from './core-tag.ts';
import { invalid, type MosaicError } from './error.ts';
import { type HashFunction, h64 } from './hash.ts';
import { type PublicKey, publicKeyFault } from './key.ts';
import { RECORD_AT, type RecordView } from './record.ts';
import { SIGNATURE_BYTES, type VerifyFunction, verifyPrehash } from './signature.ts';
import { encodeTag, sectionHasTag } from './tag.ts';
import { isTimestampAt, readTimestamp, type Timestamp } from './timestamp.ts';

/** What the master says of an entry's key. */
export const KEY_MARKER = {
  activeSigning: 0x00,
  activeEncryption: 0x01,
  revokedAll: 0x40,
  revokedPast: 0x41,
  outOfUse: 0x4f,
  activeNostr: 0x80,
} as const;

/** The names of the markers. */
export type KeyMarkerName = keyof typeof KEY_MARKER;

/** Entry kinds. */
export const KEY_ENTRY = { subkey: 1, encryptionKey: 2 } as const;
/** Algorithms; which, depends on the entry kind: signing or key agreement. */
export const KEY_ALGORITHM = { curve25519: 0, secp256k1: 1 } as const;

/** First bytes of an attestation. */
export const ATTESTATION_MAGIC: readonly number[] = Object.freeze([0x2c, 0x28, 0x98, 0xf5, 0x8b]);
/** First bytes of an encryption key block. */
export const ENCRYPTION_KEY_MAGIC: readonly number[] = Object.freeze([
  0xd6, 0xda, 0xf0, 0xbd, 0x33,
]);
/** Bytes of an entry's head. */
export const KEY_ENTRY_HEAD_BYTES = 16;
/** Bytes of an attestation before its signature, which is over them. */
export const ATTESTED_BYTES = 72;
/** Bytes of an attestation. */
export const ATTESTATION_BYTES = 136;
/** Bytes of an encryption key block. */
export const ENCRYPTION_KEY_BYTES = 40;

const MARKERS: ReadonlyMap<number, KeyMarkerName> = new Map(
  Object.entries(KEY_MARKER).map(([name, code]) => [code, name as KeyMarkerName]),
);

/** One entry; `key` is a view. */
export interface KeyScheduleEntry {
  readonly kind: 'subkey' | 'encryptionKey';
  readonly marker: KeyMarkerName;
  /** 0 where there is none. */
  readonly revokedAt: Timestamp;
  readonly algorithm: 'curve25519' | 'secp256k1';
  readonly key: Uint8Array;
}

/** Faster replacements for the cryptography. */
export interface ScheduleTools {
  readonly hash?: HashFunction;
  readonly verify?: VerifyFunction;
  /** Why 32 bytes are no key; a cache can answer. */
  readonly keyFault?: typeof publicKeyFault;
}

/** A valid key schedule. Made by {@link parseKeySchedule}. */
export class KeySchedule {
  readonly record: RecordView;
  readonly entries: readonly KeyScheduleEntry[];
  readonly #byKey: ReadonlyMap<string, readonly KeyScheduleEntry[]>;

  /** Use {@link parseKeySchedule}, which checks what this trusts. */
  constructor(record: RecordView, entries: readonly KeyScheduleEntry[]) {
    const byKey = new Map<string, KeyScheduleEntry[]>();
    for (const entry of entries) {
      if (!isSigning(entry)) continue;
      const key = hexEncode(entry.key);
      const sameKey = byKey.get(key);
      if (sameKey === undefined) byKey.set(key, [entry]);
      else sameKey.push(entry);
    }
    this.record = record;
    this.entries = entries;
    this.#byKey = byKey;
  }

  /** The master key whose schedule it is: a view. */
  get master(): PublicKey {
    return this.record.author;
  }

  /**
   * Whether a record signed by `key` is the master's own. The master key always signs for itself.
   * Where a schedule lists a key twice, a revocation wins over an attestation without one.
   *
   * @param recordTimestamp the record's own timestamp
   * @param receivedAt when this server received the record
   */
  admits(key: PublicKey, recordTimestamp: Timestamp, receivedAt: Timestamp): boolean {
    if (equalBytes(key, this.master)) return true;
    const entries = this.#byKey.get(hexEncode(key));
    return entries?.every((entry) => !revokes(entry, recordTimestamp, receivedAt)) ?? false;
  }

  /** Whether a connection authenticated with `key` acts for the master key. */
  actsFor(key: PublicKey): boolean {
    if (equalBytes(key, this.master)) return true;
    return this.#byKey.get(hexEncode(key))?.every((entry) => isInUse(entry.marker)) ?? false;
  }
}

function revokes(
  entry: KeyScheduleEntry,
  recordTimestamp: Timestamp,
  receivedAt: Timestamp,
): boolean {
  if (entry.marker === 'revokedAll') return true;
  if (entry.marker !== 'revokedPast') return false;
  return receivedAt >= entry.revokedAt || recordTimestamp > entry.revokedAt;
}

function isInUse(marker: KeyMarkerName): boolean {
  return marker !== 'revokedAll' && marker !== 'revokedPast' && marker !== 'outOfUse';
}

/**
 * Whether `key` may sign for `master`, given the newest schedule of that master that is known.
 *
 * @param schedule undefined where none is known: then only the master key itself
 */
export function signingKeyBelongs(
  master: PublicKey,
  key: PublicKey,
  schedule: KeySchedule | undefined,
  recordTimestamp: Timestamp,
  receivedAt: Timestamp,
): boolean {
  if (equalBytes(master, key)) return true;
  if (schedule === undefined || !equalBytes(schedule.master, master)) return false;
  return schedule.admits(key, recordTimestamp, receivedAt);
}

/**
 * Reads a key schedule from a record that was validated as a record. Every entry's shape is checked
 * before the first signature; a record has room for some 6,900 attestations, each a signature.
 *
 * @returns entries that are views over the record
 * @throws MosaicError `invalid` with code `key-schedule`; byte ranges count from the payload
 */
export function parseKeySchedule(record: RecordView, tools: ScheduleTools = {}): KeySchedule {
  if (!record.isKeySchedule) throw fault('the kind is not Key Schedule', 0, 0);
  if (!record.signedByAuthor) throw fault('it is not signed by the master key itself', 0, 0);
  const { payload } = record;
  const entries: KeyScheduleEntry[] = [];
  const attestations: number[] = [];
  for (let at = 0; at < payload.length; ) {
    if (at + KEY_ENTRY_HEAD_BYTES > payload.length) {
      throw fault('an entry is shorter than its head', at, payload.length);
    }
    const length = readU16(payload, at + 2);
    if (length < KEY_ENTRY_HEAD_BYTES || at + length > payload.length) {
      throw fault(`an entry has length ${length}`, at + 2, at + 4);
    }
    const entry = parseEntry(record, payload, at, at + length);
    entries.push(entry);
    if (isSigning(entry)) attestations.push(at + KEY_ENTRY_HEAD_BYTES);
    at += length;
  }
  for (const at of attestations) checkAttestation(payload, at, tools);
  return new KeySchedule(record, entries);
}

/** Whether an entry's key can sign records. */
function isSigning(entry: KeyScheduleEntry): boolean {
  return entry.kind === 'subkey' && entry.algorithm === 'curve25519';
}

function checkAttestation(payload: Uint8Array, at: number, tools: ScheduleTools): void {
  const key = payload.subarray(at + 8, at + 40);
  if ((tools.keyFault ?? publicKeyFault)(key) !== undefined) {
    throw fault('a subkey is no public key', at + 8, at + 40);
  }
  const prehash = (tools.hash ?? h64)(payload.subarray(at, at + ATTESTED_BYTES));
  const signature = payload.subarray(at + ATTESTED_BYTES, at + ATTESTATION_BYTES);
  if (!(tools.verify ?? verifyPrehash)(signature, prehash, key)) {
    throw fault("an attestation's signature is not valid", at + 72, at + 136);
  }
}

function parseEntry(
  record: RecordView,
  payload: Uint8Array,
  at: number,
  end: number,
): KeyScheduleEntry {
  const kind = payload[at]!;
  if (kind !== KEY_ENTRY.subkey && kind !== KEY_ENTRY.encryptionKey) {
    throw fault(`unknown entry kind ${kind}`, at, at + 1);
  }
  if (payload[at + 1] !== 0) throw fault("an entry's second byte is not zero", at + 1, at + 2);
  const marker = MARKERS.get(readU16(payload, at + 4));
  if (marker === undefined) {
    throw fault(`unknown marker 0x${readU16(payload, at + 4).toString(16)}`, at + 4, at + 6);
  }
  if (!isTimestampAt(payload, at + 8)) throw fault('a timestamp starts with 1', at + 8, at + 16);
  const revokedAt = readTimestamp(payload, at + 8);
  if ((marker === 'revokedAll' || marker === 'revokedPast') && revokedAt === 0n) {
    throw fault('a revocation has no timestamp', at + 8, at + 16);
  }
  const data = payload.subarray(at + KEY_ENTRY_HEAD_BYTES, end);
  const what =
    kind === KEY_ENTRY.subkey
      ? parseAttestation(record, data, at + KEY_ENTRY_HEAD_BYTES)
      : parseEncryptionKey(data, at + KEY_ENTRY_HEAD_BYTES);
  return { marker, revokedAt, ...what };
}

type EntryData = Pick<KeyScheduleEntry, 'kind' | 'algorithm' | 'key'>;

function parseAttestation(record: RecordView, data: Uint8Array, at: number): EntryData {
  requireShape('an attestation', data, at, ATTESTATION_BYTES, ATTESTATION_MAGIC);
  const algorithm = algorithmOf(data, at);
  if (readU16(data, 6) !== SIGNATURE_BYTES) {
    throw fault("an attestation's signature has 64 bytes", at + 6, at + 8);
  }
  if (!equalAt(data, 40, record.bytes, RECORD_AT.author, 32)) {
    throw fault('an attestation names another master key', at + 40, at + 72);
  }
  const key = data.subarray(8, 40);
  if (!hasSubkeyTag(record, key)) throw fault('a subkey has no Subkey tag', at + 8, at + 40);
  return { kind: 'subkey', algorithm, key };
}

function parseEncryptionKey(data: Uint8Array, at: number): EntryData {
  requireShape('an encryption key', data, at, ENCRYPTION_KEY_BYTES, ENCRYPTION_KEY_MAGIC);
  return { kind: 'encryptionKey', algorithm: algorithmOf(data, at), key: data.subarray(8, 40) };
}

function requireShape(
  what: string,
  data: Uint8Array,
  at: number,
  length: number,
  magic: readonly number[],
): void {
  if (data.length !== length) {
    throw fault(`${what} has ${length} bytes, not ${data.length}`, at, at + data.length);
  }
  if (!magic.every((byte, i) => data[i] === byte)) {
    throw fault(`${what} does not start with its magic`, at, at + magic.length);
  }
}

function algorithmOf(data: Uint8Array, at: number): KeyScheduleEntry['algorithm'] {
  if (data[5] === KEY_ALGORITHM.curve25519) return 'curve25519';
  if (data[5] === KEY_ALGORITHM.secp256k1) return 'secp256k1';
  throw fault(`algorithm ${data[5]} is reserved`, at + 5, at + 6);
}

function hasSubkeyTag(record: RecordView, key: Uint8Array): boolean {
  const value = new Uint8Array(KEY_TAG_BYTES - 4);
  value.set(key, 4);
  const tag = encodeTag({ type: TAG_TYPE.subkey, value });
  const { bytes, tagsEnd } = record;
  return sectionHasTag(bytes, RECORD_AT.tags, tagsEnd, tag, 0, tag.length);
}

function fault(message: string, start: number, end: number): MosaicError {
  return invalid('key-schedule', `key schedule: ${message}`, start, end);
}
