/**
 * Making key schedules.
 *
 * Source: Mosaic specification 0.8.0, "Key Schedule".
 */
import { concatBytes, writeU16, writeU64BE } from './bytes.ts';
import { coreTag } from './core-tag.ts';
import { MosaicError } from './error.ts';
import { asPublicKey, type PublicKey, publicKeyOf, type SecretKey } from './key.ts';
import {
  ATTESTATION_BYTES,
  ATTESTATION_MAGIC,
  ATTESTED_BYTES,
  ENCRYPTION_KEY_BYTES,
  ENCRYPTION_KEY_MAGIC,
  KEY_ENTRY,
  KEY_ENTRY_HEAD_BYTES,
  KEY_MARKER,
  type KeyMarkerName,
} from './key-schedule.ts';
import { KNOWN_KINDS } from './kind.ts';
import type { RecordView } from './record.ts';
import { buildRecord } from './record-build.ts';
import { SIGNATURE_BYTES, signMessage } from './signature.ts';
import { assertTimestamp, type Timestamp } from './timestamp.ts';

/** An entry to write: a subkey with its attestation, or an X25519 encryption key. */
export type KeyScheduleEntryInput = {
  readonly marker: KeyMarkerName;
  /** Required for the two revocations; nanoseconds. */
  readonly revokedAt?: Timestamp;
} & ({ readonly attestation: Uint8Array } | { readonly encryptionKey: Uint8Array });

/** What a key schedule is made from. */
export interface KeyScheduleInput {
  readonly masterSecretKey: SecretKey;
  readonly timestamp: Timestamp;
  readonly entries: readonly KeyScheduleEntryInput[];
  /** 8 bytes; absent: eight bytes 0x80 00 …, so that one schedule replaces the other. */
  readonly nonce?: Uint8Array;
}

/**
 * A subkey's own statement that it belongs to a master key.
 *
 * @returns 136 bytes, for {@link buildKeySchedule}
 * @throws MosaicError `invalid` with code `key` or `secret-key`
 */
export function attestSubkey(subkeySecretKey: SecretKey, master: PublicKey): Uint8Array {
  const bytes = new Uint8Array(ATTESTATION_BYTES);
  bytes.set(ATTESTATION_MAGIC);
  writeU16(bytes, 6, SIGNATURE_BYTES);
  bytes.set(publicKeyOf(subkeySecretKey), 8);
  bytes.set(asPublicKey(master), 40);
  bytes.set(signMessage(bytes.subarray(0, ATTESTED_BYTES), subkeySecretKey), ATTESTED_BYTES);
  return bytes;
}

function entryData(entry: KeyScheduleEntryInput): Uint8Array {
  if ('attestation' in entry) {
    requireLength('an attestation', entry.attestation, ATTESTATION_BYTES);
    return entry.attestation;
  }
  requireLength('an encryption key', entry.encryptionKey, 32);
  const data = new Uint8Array(ENCRYPTION_KEY_BYTES);
  data.set(ENCRYPTION_KEY_MAGIC);
  data.set(entry.encryptionKey, 8);
  return data;
}

function requireLength(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length === length) return;
  throw new MosaicError('invalid', 'key-schedule', `${what} has ${length} bytes`);
}

function encodeEntry(entry: KeyScheduleEntryInput): Uint8Array {
  const data = entryData(entry);
  const bytes = new Uint8Array(KEY_ENTRY_HEAD_BYTES + data.length);
  bytes[0] = 'attestation' in entry ? KEY_ENTRY.subkey : KEY_ENTRY.encryptionKey;
  writeU16(bytes, 2, bytes.length);
  // Callers without types must not get an active key where they misspelt a revocation.
  if (!Object.hasOwn(KEY_MARKER, entry.marker)) {
    const message = `an entry's marker is one of ${Object.keys(KEY_MARKER).join(', ')}`;
    throw new MosaicError('invalid', 'key-schedule', message);
  }
  writeU16(bytes, 4, KEY_MARKER[entry.marker]);
  const needsTime = entry.marker === 'revokedAll' || entry.marker === 'revokedPast';
  if (needsTime && (entry.revokedAt ?? 0n) === 0n) {
    throw new MosaicError('invalid', 'key-schedule', `${entry.marker} needs revokedAt`);
  }
  writeU64BE(bytes, 8, assertTimestamp(entry.revokedAt ?? 0n));
  bytes.set(data, KEY_ENTRY_HEAD_BYTES);
  return bytes;
}

/**
 * The payload of a key schedule.
 *
 * @throws MosaicError `invalid` with code `key-schedule` or `timestamp` for parts that do not fit
 */
export function encodeKeyScheduleEntries(
  entries: readonly KeyScheduleEntryInput[],
): Uint8Array<ArrayBuffer> {
  return concatBytes(...entries.map(encodeEntry));
}

/**
 * Builds and signs a key schedule, with a Subkey tag for every subkey.
 *
 * @throws MosaicError `invalid` with code `key-schedule`, `record` or `secret-key`
 */
export function buildKeySchedule(input: KeyScheduleInput): RecordView {
  const tags = input.entries.flatMap((entry) =>
    'attestation' in entry
      ? [coreTag({ name: 'subkey', key: entry.attestation.subarray(8, 40) })]
      : [],
  );
  return buildRecord({
    kind: KNOWN_KINDS['key-schedule'],
    timestamp: input.timestamp,
    secretKey: input.masterSecretKey,
    nonce: input.nonce ?? Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0),
    tags,
    payload: encodeKeyScheduleEntries(input.entries),
  });
}
