/**
 * What the n-th record of a load test is: its author, time, tags and text follow from the seed and
 * its number alone. So every process knows every record without being told, queries know what they
 * must find, and a cache on disk never goes stale.
 */
import {
  buildRecord,
  coreTag,
  h32,
  type Kind,
  KNOWN_KINDS,
  nonceFromTimestamp,
  type PublicKey,
  type RecordView,
  type SecretKey,
  type SigningTools,
  type TagInput,
  type Timestamp,
  timestampFromUnix,
} from '@mosaic-cluster/protocol';

/** Authors that publish. Those with higher numbers exist too, but publish only when asked. */
export const AUTHORS = 500;
/** Different values of the searchable tag. */
export const TOPICS = 500;
/** Tag type of the topic: one without a meaning to servers, searchable like any other. */
export const TOPIC_TAG_TYPE = 0x7431;
/** The kind of all records: public, kept, not replaceable. */
export const RECORD_KIND: Uint8Array = KNOWN_KINDS['microblog-root'];

const FIRST_TIMESTAMP: Timestamp = timestampFromUnix(1_577_836_800n); // 2020-01-01
/** Time between two records. With fewer than {@link RECORDS_MAX} none lies in the future. */
const STEP_NANOS = 1_000_000_000n;
/** Most records of a seed. */
export const RECORDS_MAX = 100_000_000;
const PAYLOAD_BYTES_MIN = 200;
const PAYLOAD_BYTES_RANGE = 257;

/** Text that payloads are cut from. */
const TEXT = Buffer.from(
  'A server keeps what people sign and hands it to whoever may read it; it cannot change a word. '.repeat(
    8,
  ),
);

/** What distinguishes a record from the usual ones. */
export interface RecordShape {
  readonly kind?: Kind;
  /** Records of one author and kind with the same nonce share an address. */
  readonly nonce?: Uint8Array;
}

/** The records of one seed. */
export class RecordPlan {
  readonly seed: number;
  readonly #tools: Required<SigningTools>;
  readonly #secretKeys = new Map<number, SecretKey>();
  readonly #publicKeys = new Map<number, PublicKey>();

  /** @param tools how to hash and sign */
  constructor(seed: number, tools: Required<SigningTools>) {
    this.seed = seed;
    this.#tools = {
      ...tools,
      // The tools make an author's key anew for each of its records, which costs as much as signing.
      publicKeyOf: (secret) => this.#ownKey ?? tools.publicKeyOf(secret),
    };
  }

  #ownKey: PublicKey | undefined;

  /** The number of the author of record `index`: below {@link AUTHORS}. */
  authorOf(index: number): number {
    return this.#random(index, 1) % AUTHORS;
  }

  /** The number of its topic: below {@link TOPICS}. */
  topicOf(index: number): number {
    return this.#random(index, 2) % TOPICS;
  }

  /** Its timestamp; a record with a greater number has a greater one. */
  timestampOf(index: number): Timestamp {
    const jitter = BigInt(this.#random(index, 3) % 1_000_000_000);
    return FIRST_TIMESTAMP + BigInt(index) * STEP_NANOS + jitter;
  }

  /** The public key of an author. */
  publicKeyOf(author: number): PublicKey {
    let key = this.#publicKeys.get(author);
    if (key === undefined) {
      this.#ownKey = undefined;
      key = this.#tools.publicKeyOf(this.#secretKeyOf(author));
      this.#publicKeys.set(author, key);
    }
    return key;
  }

  /** The searchable tag with the value of a topic. */
  topicTag(topic: number): TagInput {
    return { type: TOPIC_TAG_TYPE, value: Buffer.from(`topic-${topic}`) };
  }

  /** Signs record `index`, by its own author or another one, of the usual kind or another one. */
  make(index: number, author: number = this.authorOf(index), shape: RecordShape = {}): RecordView {
    const timestamp = this.timestampOf(index);
    const notified = this.publicKeyOf(this.#random(index, 4) % AUTHORS);
    const own = this.publicKeyOf(author);
    this.#ownKey = own;
    return buildRecord(
      {
        kind: shape.kind ?? RECORD_KIND,
        timestamp,
        secretKey: this.#secretKeyOf(author),
        nonce: shape.nonce ?? nonceFromTimestamp(timestamp),
        tags: [coreTag({ name: 'notify', key: notified }), this.topicTag(this.topicOf(index))],
        payload: this.#payload(index),
      },
      this.#tools,
    );
  }

  #payload(index: number): Uint8Array {
    const length = PAYLOAD_BYTES_MIN + (this.#random(index, 5) % PAYLOAD_BYTES_RANGE);
    const start = this.#random(index, 6) % (TEXT.length - length);
    return TEXT.subarray(start, start + length);
  }

  #secretKeyOf(author: number): SecretKey {
    let secret = this.#secretKeys.get(author);
    if (secret === undefined) {
      secret = h32(Buffer.from(`mosaic load test, seed ${this.seed}, author ${author}`));
      this.#secretKeys.set(author, secret);
    }
    return secret;
  }

  /** A well mixed 32-bit number for a record and a purpose. */
  #random(index: number, purpose: number): number {
    let x = Math.imul(index + 1, 0x9e3779b1) ^ Math.imul(this.seed + 1, 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 16) ^ Math.imul(purpose, 0xc2b2ae35), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    return (x ^ (x >>> 16)) >>> 0;
  }
}
