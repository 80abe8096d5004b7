/**
 * Finds the subscriptions that a live record may concern. Each is filed under a few keys that a
 * matching record must have, so a record looks up its own author, signing key, kind, timestamp
 * and tags, and whoever waits for something else costs nothing.
 */
import type { LiveInterest } from '@mosaic-cluster/bus';
import { readU16, RECORD_AT, type RecordView, TAG_HEAD_BYTES } from '@mosaic-cluster/protocol';
import type { InterestKey } from './interest-choice.ts';
import { textOf } from '../key-text.ts';

/** What can be filed. */
export interface Filed {
  /** Belongs to the index: the last look-up that found it. */
  lookUp: number;
}

/** Tells the bus what is wanted, once however many want it. */
export interface InterestListener {
  /** Resolves once records committed from now on will arrive. */
  add(interest: LiveInterest): Promise<void>;
  remove(interest: LiveInterest): void;
}

class Bucket<T> {
  readonly entries: T[] = [];
  readonly interest: LiveInterest;
  readonly ready: Promise<void>;

  constructor(interest: LiveInterest, listener: InterestListener) {
    this.interest = interest;
    this.ready = listener.add(interest);
  }

  remove(entry: T): void {
    const at = this.entries.indexOf(entry);
    if (at < 0) return;
    const last = this.entries.pop()!;
    if (at < this.entries.length) this.entries[at] = last;
  }
}

type Buckets<T> = Map<string, Bucket<T>>;

/** Subscriptions by what they wait for. */
export class InterestIndex<T extends Filed> {
  readonly #listener: InterestListener;
  readonly #authors: Buckets<T> = new Map();
  readonly #signingKeys: Buckets<T> = new Map();
  readonly #kinds: Buckets<T> = new Map();
  readonly #timestamps: Buckets<T> = new Map();
  /** By type first: most types that records have, nobody waits for. */
  readonly #tags = new Map<number, Buckets<T>>();
  #lookUps = 0;

  constructor(listener: InterestListener) {
    this.#listener = listener;
  }

  /**
   * Files an entry. It is found from now on; the promise resolves once every record committed
   * from then on arrives at all, and rejects where the bus cannot promise it.
   */
  async add(entry: T, keys: readonly InterestKey[]): Promise<void> {
    const ready: Promise<void>[] = [];
    for (const key of keys) {
      const buckets = this.#bucketsFor(key);
      let bucket = buckets.get(key.text);
      if (bucket === undefined) {
        bucket = new Bucket(key.interest, this.#listener);
        buckets.set(key.text, bucket);
      }
      bucket.entries.push(entry);
      ready.push(bucket.ready);
    }
    await Promise.all(ready);
  }

  /** Takes back an {@link add} with the same keys. */
  remove(entry: T, keys: readonly InterestKey[]): void {
    for (const key of keys) {
      const buckets = this.#bucketsFor(key);
      const bucket = buckets.get(key.text);
      if (bucket === undefined) continue;
      bucket.remove(entry);
      if (bucket.entries.length > 0) continue;
      buckets.delete(key.text);
      if (key.name === 'tag' && buckets.size === 0) this.#tags.delete(key.tagType);
      bucket.ready.then(
        () => this.#listener.remove(bucket.interest),
        // What could not be added need not be taken back.
        () => {},
      );
    }
  }

  /** Adds each entry that the record may concern to `found`, once. */
  lookUp(record: RecordView, found: T[]): void {
    this.#lookUps += 1;
    const { bytes } = record;
    if (this.#authors.size > 0) this.#gather(this.#authors, bytes, RECORD_AT.author, 32, found);
    if (this.#signingKeys.size > 0) {
      this.#gather(this.#signingKeys, bytes, RECORD_AT.signingKey, 32, found);
    }
    if (this.#kinds.size > 0) this.#gather(this.#kinds, bytes, RECORD_AT.kind, 8, found);
    if (this.#timestamps.size > 0) {
      this.#gather(this.#timestamps, bytes, RECORD_AT.timestamp, 8, found);
    }
    if (this.#tags.size > 0) this.#gatherByTags(bytes, record.tagsEnd, found);
  }

  #gatherByTags(bytes: Uint8Array, tagsEnd: number, found: T[]): void {
    for (let at: number = RECORD_AT.tags; at < tagsEnd; ) {
      const length = readU16(bytes, at);
      const buckets = this.#tags.get(readU16(bytes, at + 2));
      if (buckets !== undefined) this.#gather(buckets, bytes, at, length, found);
      // Never less than a head: a malformed record must not stop the process.
      at += Math.max(length, TAG_HEAD_BYTES);
    }
  }

  #gather(buckets: Buckets<T>, bytes: Uint8Array, at: number, length: number, found: T[]): void {
    const bucket = buckets.get(textOf(bytes, at, at + length));
    if (bucket === undefined) return;
    for (const entry of bucket.entries) {
      // A record can lead to an entry twice, by two tags or a key that is author and signer.
      if (entry.lookUp === this.#lookUps) continue;
      entry.lookUp = this.#lookUps;
      found.push(entry);
    }
  }

  #bucketsFor(key: InterestKey): Buckets<T> {
    switch (key.name) {
      case 'author':
        return this.#authors;
      case 'signingKey':
        return this.#signingKeys;
      case 'kind':
        return this.#kinds;
      case 'timestamp':
        return this.#timestamps;
      case 'tag': {
        let buckets = this.#tags.get(key.tagType);
        if (buckets === undefined) {
          buckets = new Map();
          this.#tags.set(key.tagType, buckets);
        }
        return buckets;
      }
    }
  }
}
