/** People and what they publish, for tests. */
import {
  buildRecord,
  coreTag,
  encodeKind,
  type KindFields,
  type PublicKey,
  publicKeyOf,
  type RecordInput,
  type RecordView,
  type SecretKey,
  type TagInput,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';

/** A key pair. */
export interface Author {
  readonly secret: SecretKey;
  readonly key: PublicKey;
}

/** A key pair that is the same for the same number. */
export function author(n: number): Author {
  const secret = new Uint8Array(32).fill(n + 1);
  return { secret, key: publicKeyOf(secret) };
}

/** A kind of the application for examples: public and unique where nothing else is said. */
export function kindWith(fields: Partial<KindFields> = {}): Uint8Array {
  return encodeKind({
    applicationId: 99,
    applicationKind: 1,
    duplicateHandling: 'unique',
    audience: 'everybody',
    printable: false,
    ...fields,
  });
}

/** A record of now. */
export function recordBy(writer: Author, input: Partial<RecordInput> = {}): RecordView {
  const timestamp = timestampFromMillis(Date.now());
  return buildRecord({ kind: kindWith(), timestamp, secretKey: writer.secret, ...input });
}

/** A tag that notifies somebody. */
export function notifying(whom: Author): TagInput {
  return coreTag({ name: 'notify', key: whom.key });
}
