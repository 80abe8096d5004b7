/** Valid records of authors that nobody knows, as attackers submit them. */
import {
  buildRecord,
  generateSecretKey,
  KNOWN_KINDS,
  nonceFromTimestamp,
  type RecordView,
  type SecretKey,
  type SigningTools,
  type TagInput,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';

let made = 0n;

/** What is unusual about a record. */
export interface SpamShape {
  /** By default one made for it. */
  readonly secretKey?: SecretKey;
  readonly tags?: readonly TagInput[];
}

/** A valid record, dated now; no two are alike. */
export function spamRecord(tools: Required<SigningTools>, shape: SpamShape = {}): RecordView {
  made = (made + 1n) % 1_000_000n;
  const timestamp = timestampFromMillis(Date.now()) + made;
  return buildRecord(
    {
      kind: KNOWN_KINDS['microblog-root'],
      timestamp,
      secretKey: shape.secretKey ?? generateSecretKey(),
      nonce: nonceFromTimestamp(timestamp),
      tags: shape.tags ?? [],
      payload: PAYLOAD,
    },
    tools,
  );
}

const PAYLOAD = Buffer.from('buy now, buy this, buy more '.repeat(8));
