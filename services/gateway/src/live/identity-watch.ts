/**
 * Knows whom authenticated subscribers may read as. A key acts for the masters whose key schedules
 * list it, so the answer is asked for once and again whenever such a schedule passes by. Until it
 * is known, nothing private goes out. While nobody can tell, because an index is being made anew, a
 * key acts for itself, and is asked about again.
 */
import {
  isMosaicError,
  KEY_TAG_BYTES,
  type PublicKey,
  readU16,
  RECORD_AT,
  type RecordView,
  TAG_HEAD_BYTES,
  TAG_TYPE,
} from '@mosaic-cluster/protocol';
import type { Clock } from '../clock.ts';
import { IdentityInterests } from './identity-interests.ts';
import type { InterestListener } from './interest-index.ts';
import { textOf } from '../key-text.ts';
import type { Subscriber } from './subscription.ts';

/** What the watch needs. */
export interface IdentityWatchOptions {
  readonly listener: InterestListener;
  /** The master keys that a key acts for, itself first. */
  readonly identities: (key: PublicKey) => Promise<readonly PublicKey[]>;
  /**
   * A subscriber's identities are known, for the first time or again.
   *
   * @param since Unix time in milliseconds: from when on they were not
   */
  readonly resolved: (subscriber: Subscriber, since: number) => void;
  /** They could not be found out; they stay unknown until the subscriber is watched anew. */
  readonly failed: (subscriber: Subscriber, error: unknown) => void;
  readonly clock: Clock;
  /** Between 0 and 1. */
  readonly random: () => number;
}

interface Watched {
  readonly subscriber: Subscriber;
  readonly key: PublicKey;
  readonly own: string;
  /** Masters it is filed under, itself included: what concerns them concerns it. */
  readonly masters: Set<string>;
  /** The question under way whose answer counts. */
  inquiry: Promise<void> | undefined;
  /** Grows with every question. */
  asked: number;
  askedAt: number;
  /** Since when nobody can tell its masters, Unix time in milliseconds. */
  untoldSince: number | undefined;
  /** Answers in a row that told nothing. */
  untold: number;
  stopAskingAgain: (() => void) | undefined;
}

/**
 * Questions in a row. One follows whenever an answer names a master that was not listened for: its
 * schedule may have changed unheard.
 */
const ROUNDS_MAX = 4;
/** Before asking again for what nobody could tell; twice as long each time. */
const UNTOLD_PAUSE_MS = 2_000;
const UNTOLD_PAUSE_MS_MAX = 30_000;

/** All authenticated subscribers of a gateway. */
export class IdentityWatch {
  readonly #options: IdentityWatchOptions;
  readonly #interests: IdentityInterests;
  readonly #watched = new Map<Subscriber, Watched>();
  /** By own key and by each master. */
  readonly #byKey = new Map<string, Set<Watched>>();

  constructor(options: IdentityWatchOptions) {
    this.#options = options;
    this.#interests = new IdentityInterests(options.listener);
  }

  /** Finds out a subscriber's identities, and keeps them true. */
  watch(subscriber: Subscriber): void {
    const { key } = subscriber;
    if (key === undefined || this.#watched.has(subscriber)) return;
    const watched: Watched = {
      subscriber,
      key,
      own: textOf(key),
      masters: new Set(),
      inquiry: undefined,
      asked: 0,
      askedAt: 0,
      untoldSince: undefined,
      untold: 0,
      stopAskingAgain: undefined,
    };
    this.#watched.set(subscriber, watched);
    this.#learn(watched);
  }

  /** Forgets a subscriber. */
  unwatch(subscriber: Subscriber): void {
    const watched = this.#watched.get(subscriber);
    if (watched === undefined) return;
    this.#watched.delete(subscriber);
    if (watched.masters.size > 0) this.#interests.release('proven', watched.own);
    watched.asked += 1;
    watched.stopAskingAgain?.();
    this.#keepOnly(watched, new Set());
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

  /**
   * Makes sure that a subscriber's identities were asked for at some time or later, for schedules
   * may have passed unheard until then. What is known stays in force until there is an answer.
   *
   * @param since Unix time in milliseconds
   * @throws what asking throws
   */
  async refresh(subscriber: Subscriber, since: number): Promise<void> {
    const watched = this.#watched.get(subscriber);
    if (watched === undefined) return;
    if (watched.askedAt >= since || subscriber.identities === undefined) {
      await watched.inquiry;
      return;
    }
    await this.#ask(watched);
  }

  #renew(key: string): void {
    // A copy: looking at one of them anew files it elsewhere.
    for (const watched of Array.from(this.#byKey.get(key) ?? [])) this.#learn(watched);
  }

  /** Finds out anew what is not known, or no longer. */
  #learn(watched: Watched): void {
    const { subscriber } = watched;
    subscriber.identities = undefined;
    const asked = watched.asked + 1;
    this.#ask(watched).catch((error: unknown) => {
      if (watched.asked === asked) this.#options.failed(subscriber, error);
    });
  }

  #ask(watched: Watched): Promise<void> {
    watched.asked += 1;
    watched.askedAt = this.#options.clock.now();
    const inquiry = this.#inquire(watched, watched.asked);
    watched.inquiry = inquiry;
    return inquiry;
  }

  /** What is overtaken by another question, or by the subscriber's end, changes nothing. */
  async #inquire(watched: Watched, asked: number): Promise<void> {
    const { subscriber, askedAt } = watched;
    const masters = await this.#mastersOf(watched, asked);
    if (masters === undefined) return;
    this.#keepOnly(watched, masters);
    const since = watched.untoldSince ?? askedAt;
    if (watched.untold > 0) {
      watched.untoldSince ??= askedAt;
      this.#askAgainLater(watched);
    } else watched.untoldSince = undefined;
    const { identities } = subscriber;
    if (identities !== undefined && isSame(identities, masters)) return;
    subscriber.identities = masters;
    this.#options.resolved(subscriber, since);
  }

  #askAgainLater(watched: Watched): void {
    const { clock, random } = this.#options;
    const longest = Math.min(UNTOLD_PAUSE_MS * 2 ** (watched.untold - 1), UNTOLD_PAUSE_MS_MAX);
    const ask = (): void => {
      watched.stopAskingAgain = undefined;
      const asked = watched.asked + 1;
      this.#ask(watched).catch((error: unknown) => {
        if (watched.asked === asked) this.#options.failed(watched.subscriber, error);
      });
    };
    watched.stopAskingAgain?.();
    watched.stopAskingAgain = clock.schedule(ask, longest * (0.5 + random() / 2));
  }

  /** @returns the key alone where nobody can tell at present */
  async #tellMasters(watched: Watched): Promise<readonly PublicKey[]> {
    try {
      const keys = await this.#options.identities(watched.key);
      watched.untold = 0;
      return keys;
    } catch (error) {
      if (!isMosaicError(error) || error.code !== 'index-not-whole') throw error;
      watched.untold += 1;
      return [watched.key];
    }
  }

  async #mastersOf(watched: Watched, asked: number): Promise<Set<string> | undefined> {
    const before = new Set(watched.masters);
    try {
      return await this.#askAndListen(watched, asked);
    } catch (error) {
      // What could not be listened for has to be tried again.
      if (watched.asked === asked) this.#keepOnly(watched, before);
      throw error;
    }
  }

  /** The masters, once every change is heard of; undefined where that is overtaken. */
  async #askAndListen(watched: Watched, asked: number): Promise<Set<string> | undefined> {
    const { key, own } = watched;
    const isNew = watched.masters.size === 0;
    const proven = isNew ? this.#interests.hold('proven', own, key) : undefined;
    const first = this.#file(watched, own, key);
    if (proven !== undefined || first !== undefined) await Promise.all([proven, first]);
    for (let round = 1; ; round++) {
      if (watched.asked !== asked) return undefined;
      const keys = await this.#tellMasters(watched);
      if (watched.asked !== asked) return undefined;
      const texts = keys.map((master) => textOf(master));
      const news = texts.filter((text) => !watched.masters.has(text));
      const heard = keys.map((master, i) => this.#file(watched, texts[i]!, master));
      if (news.length === 0 || round === ROUNDS_MAX) return new Set(texts);
      await Promise.all(heard.filter((one) => one !== undefined));
    }
  }

  #file(watched: Watched, text: string, key: PublicKey): Promise<unknown> | undefined {
    if (watched.masters.has(text)) return undefined;
    watched.masters.add(text);
    const others = this.#byKey.get(text);
    if (others === undefined) this.#byKey.set(text, new Set([watched]));
    else others.add(watched);
    return this.#interests.hold('master', text, key);
  }

  /** Lets go of masters; itself only with the subscriber. */
  #keepOnly(watched: Watched, masters: ReadonlySet<string>): void {
    const isOver = !this.#watched.has(watched.subscriber);
    for (const text of watched.masters) {
      if (masters.has(text) || (text === watched.own && !isOver)) continue;
      watched.masters.delete(text);
      const others = this.#byKey.get(text);
      if (others?.delete(watched) && others.size === 0) this.#byKey.delete(text);
      this.#interests.release('master', text);
    }
  }
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a.size !== b.size) return false;
  for (const text of a) if (!b.has(text)) return false;
  return true;
}
