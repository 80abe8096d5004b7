/**
 * Receives live records over NATS for everybody in this process who listens: each record once, in
 * batches as they arrive, with word of what may have been missed.
 */
import { MosaicError, type Timestamp } from '@mosaic-cluster/protocol';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { BusCounters } from './bus-counters.ts';
import type { BusLimits } from './bus-limits.ts';
import type {
  LiveGapHandler,
  LiveHandler,
  LiveInterest,
  LiveListener,
  LiveRecord,
} from './contract.ts';
import { InterestSubscriptions } from './interest-subscriptions.ts';
import { decodeBeat, decodeLive, decodeWithheld, encodeReached } from './live-codec.ts';
import { interestSubjects, type Subjects } from './live-subjects.ts';
import type { LinkUser, NatsLink } from './nats-link.ts';
import { PublisherSync } from './publisher-sync.ts';
import { PublisherWatch } from './publisher-watch.ts';
import type { Requester } from './requester.ts';
import { typeOf, WIRE } from './wire.ts';

/** What a receiver needs. */
export interface LiveReceiverOptions {
  readonly link: NatsLink;
  readonly subjects: Subjects;
  readonly requester: Requester;
  readonly limits: BusLimits;
  readonly counters: BusCounters;
  /** Unix time in milliseconds. */
  readonly now: () => number;
  /** Told of what a listener throws, which costs no other its records. */
  readonly failed: (error: unknown) => void;
}

interface Ear {
  readonly handler: LiveHandler;
  readonly onGap: LiveGapHandler | undefined;
}

/** One process's ears. */
export class LiveReceiver implements LinkUser {
  readonly #options: LiveReceiverOptions;
  readonly #watch: PublisherWatch;
  readonly #sync: PublisherSync;
  readonly #subscriptions: InterestSubscriptions;
  readonly #ears = new Set<Ear>();
  #beats: Subscription | undefined;
  #timer: NodeJS.Timeout | undefined;
  #arrived: LiveRecord[] = [];
  #gapSince: Timestamp | undefined;
  /** What may be missing since the connection broke. */
  #brokenSince: Timestamp | undefined;
  #isTellingGap = false;

  constructor(options: LiveReceiverOptions) {
    const { link, limits, now } = options;
    this.#options = options;
    this.#watch = new PublisherWatch({ limits, now, gap: (since) => this.#gap(since) });
    this.#sync = new PublisherSync({ ...options, watch: this.#watch });
    this.#subscriptions = new InterestSubscriptions(link, (message) => this.#take(message));
    link.join(this);
  }

  /** Subjects listened to. */
  get subjectsHeard(): number {
    return this.#subscriptions.size;
  }

  /** Starts listening. */
  listen(handler: LiveHandler, onGap?: LiveGapHandler): LiveListener {
    this.#start();
    const ear: Ear = { handler, onGap };
    /** How often, by subject. */
    const held = new Map<string, number>();
    this.#ears.add(ear);
    const release = (subject: string): void => {
      const times = held.get(subject);
      if (times === undefined) return;
      if (times > 1) held.set(subject, times - 1);
      else held.delete(subject);
      this.#subscriptions.release(subject);
    };
    const { settleMs, gapMarginMs } = this.#options.limits;
    const watch = this.#watch;
    return {
      doubt: {
        settleMs,
        get marginMs() {
          return gapMarginMs + watch.behindMs;
        },
      },
      add: async (interest) => {
        const subjects = interestSubjects(this.#options.subjects, interest);
        for (const subject of subjects) {
          held.set(subject, (held.get(subject) ?? 0) + 1);
          this.#subscriptions.acquire(subject);
        }
        try {
          await this.#confirmed(subjects);
        } catch (error) {
          for (const subject of subjects) release(subject);
          throw error;
        }
      },
      remove: (interest: LiveInterest) => {
        for (const subject of interestSubjects(this.#options.subjects, interest)) release(subject);
      },
      close: () => {
        this.#ears.delete(ear);
        for (const subject of held.keys()) while (held.has(subject)) release(subject);
      },
    };
  }

  lost(): void {
    this.#brokenSince ??= this.#watch.goodSince;
  }

  found(): void {
    const since = this.#brokenSince;
    this.#brokenSince = undefined;
    this.#watch.restart();
    if (since !== undefined && this.#timer !== undefined) this.#gap(since);
  }

  /** Hears nothing more. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#ears.clear();
    if (this.#beats?.isClosed() === false) this.#beats.unsubscribe();
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    const { link, subjects, limits } = this.#options;
    this.#watch.restart();
    this.#beats = link.subscribe(subjects.beat, {
      callback: (error, message) => {
        if (error === null) this.#read(() => this.#watch.beat(decodeBeat(message.data)));
      },
    });
    this.#timer = setInterval(() => {
      if (link.isConnected) this.#watch.check();
    }, limits.beatIntervalMs);
    this.#timer.unref();
    void this.#sync.round();
  }

  /** Waits until what is published from now on arrives. */
  async #confirmed(subjects: readonly string[]): Promise<void> {
    const { link, limits } = this.#options;
    while (!(await this.#sync.round())) {
      if (await link.whenConnected(limits.requestTimeoutMs)) continue;
      const message = 'there is no connection to NATS to listen on';
      throw new MosaicError('unavailable', 'bus-disconnected', message);
    }
    for (const subject of subjects) this.#subscriptions.check(subject);
  }

  #take(message: Msg): void {
    this.#read(() => {
      const { data, reply } = message;
      if (typeOf(data) === WIRE.withheld) {
        const withheld = decodeWithheld(data);
        this.#watch.withheld(withheld, withheld.receivedAt);
        return;
      }
      const live = decodeLive(data);
      if (!this.#watch.live(live)) return;
      this.#options.counters.liveReceived += 1;
      if (live.isEphemeral) this.#answerOffer(live.live, reply);
      else this.#arrive(live.live);
    });
  }

  /** Gathers what arrives together, so that it is delivered together. */
  #arrive(live: LiveRecord): void {
    if (this.#arrived.length === 0) queueMicrotask(() => this.#deliver());
    this.#arrived.push(live);
  }

  #deliver(): void {
    const records = this.#arrived;
    if (records.length === 0) return;
    this.#arrived = [];
    for (const { handler } of this.#ears) {
      try {
        handler(records);
      } catch (error) {
        this.#options.failed(error);
      }
    }
  }

  #answerOffer(live: LiveRecord, reply: string | undefined): void {
    this.#deliver();
    let reached = 0;
    for (const { handler } of this.#ears) {
      try {
        reached += handler([live])[0] ?? 0;
      } catch (error) {
        this.#options.failed(error);
      }
    }
    if (reply) this.#options.link.publish(reply, encodeReached(reached));
  }

  /** Tells of gaps once the way is clear again, so that catching up finds what this missed. */
  #gap(since: Timestamp): void {
    if (this.#gapSince === undefined || since < this.#gapSince) this.#gapSince = since;
    if (!this.#isTellingGap) void this.#tellGap();
  }

  async #tellGap(): Promise<void> {
    this.#isTellingGap = true;
    while (this.#gapSince !== undefined && this.#timer !== undefined) {
      // Without a connection there will be another gap, which reaches back as far.
      const isClear = await this.#sync.round();
      if (!isClear && !(await this.#options.link.whenConnected(this.#options.limits.silenceMs))) {
        continue;
      }
      if (!isClear) continue;
      const since = this.#gapSince;
      this.#gapSince = undefined;
      this.#options.counters.gaps += 1;
      for (const { onGap } of this.#ears) {
        try {
          onGap?.(since);
        } catch (error) {
          this.#options.failed(error);
        }
      }
    }
    this.#isTellingGap = false;
  }

  #read(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof MosaicError)) throw error;
      this.#options.counters.malformed += 1;
    }
  }
}
