/** A key schedule and records that only it allows, as a client sends them that waits for nothing. */
import {
  attestSubkey,
  buildKeySchedule,
  buildRecord,
  encodeKind,
  generateSecretKey,
  KNOWN_KINDS,
  publicKeyOf,
  type RecordView,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';

const PRIVATE = encodeKind({
  applicationId: 99,
  applicationKind: 1,
  duplicateHandling: 'unique',
  audience: 'author-only',
  printable: false,
});

/** Of a new author: the schedule, a public record by the subkey, and a private one from it alone. */
export function dependents(subkey: Uint8Array): readonly RecordView[] {
  const masterSecretKey = generateSecretKey();
  const author = publicKeyOf(masterSecretKey);
  const timestamp = timestampFromMillis(Date.now());
  const attestation = attestSubkey(subkey, author);
  const bySubkey = { timestamp, author, secretKey: subkey };
  return [
    buildKeySchedule({
      masterSecretKey,
      timestamp,
      entries: [{ marker: 'activeSigning', attestation, revokedAt: 1n }],
    }),
    buildRecord({ ...bySubkey, kind: KNOWN_KINDS['microblog-root'] }),
    buildRecord({ ...bySubkey, kind: PRIVATE, fromAuthor: true }),
  ];
}
