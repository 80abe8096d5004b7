/**
 * What a key schedule says of its owner's keys.
 */
import {
  hexEncode,
  type KeyMarkerName,
  type KeySchedule,
  type KeyScheduleEntry,
  parseKeySchedule,
  type RecordView,
} from '@mosaic-cluster/protocol';
import { showKey, showTimestamp } from './display-value.ts';
import { errorOf } from './record-checks.ts';
import { faultOf, type Field, type Report, report, span } from './report.ts';

const MARKER_TEXT: Readonly<Record<KeyMarkerName, string>> = {
  activeSigning: 'active, signs',
  activeEncryption: 'active, encrypts',
  activeNostr: 'active, for Nostr',
  revokedAll: 'revoked: nothing that it ever signed counts',
  revokedPast: 'revoked from a moment on',
  outOfUse: 'out of use, nothing is revoked',
};

/** Looks into the payload of a valid record of the key schedule kind. */
export function inspectKeySchedule(record: RecordView, base: number): Report {
  const payloadAt = record.payload.byteOffset - record.bytes.byteOffset + base;
  let schedule: KeySchedule | undefined;
  const error = errorOf(() => {
    schedule = parseKeySchedule(record);
  });
  if (error !== undefined || schedule === undefined) {
    return report('key-schedule', { fault: error && faultOf(error, payloadAt) });
  }
  const items = schedule.entries.map((entry) => entryField(entry, record, base));
  return report('key-schedule', { groups: [{ name: 'entries', label: 'keys', items }] });
}

/** The data before an entry's key: entry head, magic, algorithm, length. */
const BEFORE_KEY_BYTES = 24;

function entryField(entry: KeyScheduleEntry, record: RecordView, base: number): Field {
  const keyAt = entry.key.byteOffset - record.bytes.byteOffset + base;
  const start = keyAt - BEFORE_KEY_BYTES;
  const isSubkey = entry.kind === 'subkey';
  const end = keyAt + (isSubkey ? 128 : 32);
  const key =
    isSubkey && entry.algorithm === 'curve25519'
      ? showKey(entry.key).lines[0]!
      : hexEncode(entry.key);
  const revoked = entry.revokedAt === 0n ? undefined : showTimestamp(entry.revokedAt);
  return {
    name: 'entry',
    label: isSubkey ? 'subkey' : 'encryption key',
    range: span(start, end),
    value: {
      kind: entry.kind,
      marker: entry.marker,
      algorithm: entry.algorithm,
      key: hexEncode(entry.key),
      revokedAt: revoked?.value ?? null,
    },
    lines: [
      key,
      MARKER_TEXT[entry.marker] + (entry.algorithm === 'secp256k1' ? ' (secp256k1)' : ''),
      ...(revoked === undefined ? [] : [`as of ${revoked.lines[0]!}`]),
    ],
  };
}
