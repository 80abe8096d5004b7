/**
 * Knows whom authenticated subscribers may read as. A key acts for the masters whose key schedules
 * list it, so the answer is asked for once and again whenever such a schedule passes by. Until it
 * is known, nothing private goes out.
 */
import {
  KEY_TAG_BYTES,
  type PublicKey,
  readU16,
  RECORD_AT,
  type RecordView,
  TAG_HEAD_BYTES,
  TAG_TYPE,
} from '@mosaic-cluster/protocol';
import { textOf } from './key-text.ts';
import type { Subscriber } from './subscription.ts';

/** What the watch needs. */
export interface IdentityWatchOptions {
  /** The master keys that a key acts for, itself first. */
  readonly identities: (key: PublicKey) => Promise<readonly PublicKey[]>;
  /** A subscriber's identities are known, for the first time or again. */
  readonly resolved: (subscriber: Subscriber) => void;
  /** They could not be found out; they stay unknown until {@link IdentityWatch.watch}. */
  readonly failed: (subscriber: Subscriber, error: unknown) => void;
}

/** Whether an answer on its way is the one that counts. */
interface Inquiry {
  isStale: boolean;
}

/** All authenticated subscribers of a gateway. */
export class IdentityWatch {
  readonly #options: IdentityWatchOptions;
  /** By own key and by each master. */
  readonly #subscribers = new Map<string, Set<Subscriber>>();
  readonly #inquiries = new Map<Subscriber, Inquiry>();

  constructor(options: IdentityWatchOptions) {
    this.#options = options;
  }

  /** Finds out a subscriber's identities where they are not known and not being asked for. */
  watch(subscriber: Subscriber): void {
    if (subscriber.key === undefined || subscriber.identities !== undefined) return;
    if (this.#inquiries.has(subscriber)) return;
    this.#file(textOf(subscriber.key), subscriber);
    void this.#inquire(subscriber, subscriber.key);
  }

  /** Forgets a subscriber. */
  unwatch(subscriber: Subscriber): void {
    if (subscriber.key === undefined) return;
    this.#drop(subscriber);
    this.#unfile(textOf(subscriber.key), subscriber);
    subscriber.identities = undefined;
  }

  /** Takes note of a live key schedule: whoever it may concern is looked at anew. */
  passed(schedule: RecordView): void {
    const { bytes, tagsEnd } = schedule;
    this.#renew(textOf(schedule.author));
    for (let at: number = RECORD_AT.tags; at < tagsEnd; ) {
      const length = readU16(bytes, at);
      if (length === KEY_TAG_BYTES && readU16(bytes, at + 2) === TAG_TYPE.subkey) {
        this.#renew(textOf(bytes, at + 8, at + KEY_TAG_BYTES));
      }
      at += Math.max(length, TAG_HEAD_BYTES);
    }
  }

  #renew(key: string): void {
    // A copy: looking at one of them anew files it elsewhere.
    for (const subscriber of Array.from(this.#subscribers.get(key) ?? [])) {
      this.#drop(subscriber);
      subscriber.identities = undefined;
      this.watch(subscriber);
    }
  }

  /** Makes an inquiry on its way void, and files the subscriber under its own key only. */
  #drop(subscriber: Subscriber): void {
    const inquiry = this.#inquiries.get(subscriber);
    if (inquiry !== undefined) inquiry.isStale = true;
    this.#inquiries.delete(subscriber);
    const own = textOf(subscriber.key!);
    for (const identity of subscriber.identities ?? []) {
      if (identity !== own) this.#unfile(identity, subscriber);
    }
  }

  async #inquire(subscriber: Subscriber, key: PublicKey): Promise<void> {
    const inquiry: Inquiry = { isStale: false };
    this.#inquiries.set(subscriber, inquiry);
    let identities: readonly PublicKey[];
    try {
      identities = await this.#options.identities(key);
    } catch (error) {
      if (inquiry.isStale) return;
      this.#inquiries.delete(subscriber);
      this.#options.failed(subscriber, error);
      return;
    }
    if (inquiry.isStale) return;
    this.#inquiries.delete(subscriber);
    subscriber.identities = new Set(identities.map((identity) => textOf(identity)));
    for (const identity of subscriber.identities) this.#file(identity, subscriber);
    this.#options.resolved(subscriber);
  }

  #file(key: string, subscriber: Subscriber): void {
    const subscribers = this.#subscribers.get(key);
    if (subscribers === undefined) this.#subscribers.set(key, new Set([subscriber]));
    else subscribers.add(subscriber);
  }

  #unfile(key: string, subscriber: Subscriber): void {
    const subscribers = this.#subscribers.get(key);
    if (subscribers?.delete(subscriber) && subscribers.size === 0) this.#subscribers.delete(key);
  }
}
