/**
 * Makes sure that what was subscribed to is known where publishers are: asks them all, behind the
 * subscriptions on the same path. Whoever wants to know shares the next round with all others.
 */
import type { BusCounters } from './bus-counters.ts';
import type { BusLimits } from './bus-limits.ts';
import { decodeBeat, encodeSync } from './live-codec.ts';
import type { Subjects } from './live-subjects.ts';
import type { NatsLink } from './nats-link.ts';
import { publisherName, type PublisherWatch } from './publisher-watch.ts';
import type { Requester } from './requester.ts';

/** What a sync needs. */
export interface PublisherSyncOptions {
  readonly link: NatsLink;
  readonly subjects: Subjects;
  readonly requester: Requester;
  readonly limits: BusLimits;
  readonly counters: BusCounters;
  readonly watch: PublisherWatch;
}

/** Rounds of questions to all publishers. */
export class PublisherSync {
  readonly #options: PublisherSyncOptions;
  #running: Promise<boolean> | undefined;
  #next: Promise<boolean> | undefined;
  #isFirst = true;

  constructor(options: PublisherSyncOptions) {
    this.#options = options;
  }

  /**
   * Resolves when every publisher that is known has answered a question asked from now on, or has
   * had its time; false where the connection broke or is not there.
   */
  round(): Promise<boolean> {
    this.#next ??= this.#follow(this.#running);
    return this.#next;
  }

  async #follow(earlier: Promise<boolean> | undefined): Promise<boolean> {
    await earlier;
    this.#running = this.#next;
    this.#next = undefined;
    return this.#ask();
  }

  async #ask(): Promise<boolean> {
    const { link, counters, limits, watch } = this.#options;
    if (!link.isConnected) return false;
    // The answers need the inbox, and the question must not overtake the subscriptions.
    if (!(await link.flush())) return false;
    const missing = watch.present;
    // Until somebody was heard, whoever is there has to be waited for.
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    let isAnswered = await this.#gather(missing, isFirst);
    // At the start the publishers' own subscriptions may be as new as these.
    if (isFirst && watch.present.size === 0) {
      await new Promise((resolve) => setTimeout(resolve, limits.retryPauseMs));
      isAnswered = await this.#gather(missing, isFirst);
    }
    if (!isAnswered && missing.size > 0) counters.syncTimeouts += 1;
    return link.isConnected;
  }

  #gather(missing: Set<string>, isFirst: boolean): Promise<boolean> {
    const { link, subjects, requester, limits, counters, watch } = this.#options;
    const timeoutMs = isFirst ? limits.discoveryMs : limits.syncTimeoutMs;
    return new Promise((resolve) => {
      const done = (isAnswered: boolean): void => {
        clearTimeout(timer);
        inbox.close();
        resolve(isAnswered);
      };
      const timer = setTimeout(() => done(missing.size === 0), timeoutMs);
      const inbox = requester.open((answer) => {
        // Nobody publishes at all.
        if (answer === undefined) {
          done(missing.size === 0);
          return;
        }
        try {
          const beat = decodeBeat(answer);
          watch.beat(beat);
          missing.delete(publisherName(beat.publisher));
        } catch {
          counters.malformed += 1;
        }
        if (missing.size === 0 && !isFirst) done(true);
      });
      link.publish(subjects.sync, encodeSync(), inbox.subject);
      // Nobody is known: nobody need answer.
      if (missing.size === 0 && !isFirst) done(true);
    });
  }
}
