/**
 * Decides when to look in storage for what subscriptions may have missed: once some time after each
 * was opened, when the bus says that records got lost, and when somebody turns out to act for more
 * masters. A few at a time, and again where a role cannot answer.
 */
import type { LiveDoubt, ServedRecord } from '@mosaic-cluster/bus';
import {
  isMosaicError,
  RESULT,
  type ResultCode,
  type Timestamp,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import type { Clock } from '../clock.ts';
import type { GatewayCounters } from '../counters.ts';
import { resultOfError } from '../errors-to-results.ts';
import type { GatewayLimits } from '../limits.ts';
import { OVER_BUDGET } from '../queries/paid-pages.ts';
import type { EndedSpan } from './received-within.ts';
import type { Subscriber, Subscription } from './subscription.ts';
import { TurnQueue } from '../sharing/turn-queue.ts';

/** What catching up needs. */
export interface CatchUpOptions {
  readonly doubt: LiveDoubt;
  readonly limits: GatewayLimits;
  readonly counters: GatewayCounters;
  readonly clock: Clock;
  /** Between 0 and 1. */
  readonly random: () => number;
  /** Makes sure that a subscriber's identities were asked for at this time (Unix, ms) or later. */
  readonly refresh: (subscriber: Subscriber, since: number) => Promise<void>;
  /**
   * What a subscription missed of a span of time; undefined where that cannot be told.
   *
   * @param isPaid its subscriber pays; where that is out of budget this rejects with `over-budget`
   */
  readonly find: (
    subscription: Subscription,
    span: EndedSpan,
    isPaid: boolean,
  ) => Promise<ServedRecord[] | undefined>;
  /** Takes what was found. */
  readonly found: (subscription: Subscription, records: readonly ServedRecord[]) => void;
  readonly lost: (subscription: Subscription, result: ResultCode) => void;
  readonly failed: (error: unknown) => void;
}

/** What one subscription has to catch up with. */
interface Course {
  readonly subscription: Subscription;
  /** Whatever was received before has been sent. */
  completeTo: Timestamp;
  /** From when on to look; undefined: nothing is to be done. */
  since: Timestamp | undefined;
  /** When that was asked for, Unix time in milliseconds. */
  askedAt: number;
  /** Its subscriber made it necessary, and pays for it; a gap nobody but the server did. */
  isPaid: boolean;
  isRunning: boolean;
  /** As whom it waits for its turn; undefined: it does not. */
  waitsAs: string | undefined;
}

/** A failed attempt makes everybody wait for this at first, twice as long each time. */
const PAUSE_FIRST_MS = 100;
const PAUSE_MAX_MS = 5_000;

/** The catching up of all subscriptions. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  /** Those whose stored records were sent. */
  readonly #courses = new Map<Subscription, Course>();
  /** Waiting for their time, in the order in which it comes. */
  readonly #settling = new Map<Course, number>();
  readonly #ready = new TurnQueue<Course>();
  #active = 0;
  /** By whom searches run for at present. */
  readonly #activeOf = new Map<string, number>();
  #pauseMs = PAUSE_FIRST_MS;
  #pausedUntil = 0;
  #timer: { readonly at: number; readonly stop: () => void } | undefined;
  #isStopped = false;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  /**
   * Takes a subscription on, its stored records being sent, and looks for what it missed meanwhile.
   *
   * @param since what was received before was sent as stored
   */
  start(subscription: Subscription, since: Timestamp): void {
    const askedAt = this.#options.clock.now();
    const course: Course = {
      subscription,
      completeTo: since,
      since,
      askedAt,
      isPaid: true,
      isRunning: false,
      waitsAs: undefined,
    };
    this.#courses.set(subscription, course);
    this.#settle(course, since);
  }

  /** Whether a subscription may still need what it remembers. */
  isBusyWith(subscription: Subscription): boolean {
    const course = this.#courses.get(subscription);
    return course !== undefined && (course.isRunning || course.since !== undefined);
  }

  /** Somebody may read more, or may not have been able to read for a while. */
  identitiesChanged(subscriber: Subscriber, sinceMs: number): void {
    const { doubt } = this.#options;
    const since = timestampFromMillis(Math.max(0, sinceMs - doubt.marginMs));
    for (const subscription of subscriber.subscriptions) {
      const course = this.#courses.get(subscription);
      if (course !== undefined) this.#settle(course, since);
    }
  }

  /** Records received since then may not have arrived; what is received from now on does. */
  gap(since: Timestamp): void {
    const { clock, limits, random } = this.#options;
    const now = clock.now();
    for (const course of this.#courses.values()) {
      const from = since > course.completeTo ? since : course.completeTo;
      if (course.since === undefined || from < course.since) course.since = from;
      course.askedAt = now;
      if (!this.#settling.has(course) && !course.isRunning) this.#getReady(course);
    }
    this.#pause(random() * limits.catchUpSpreadMs);
    this.#advance();
  }

  /** A subscription is over. */
  forget(subscription: Subscription): void {
    const course = this.#courses.get(subscription);
    if (course === undefined) return;
    this.#courses.delete(subscription);
    this.#settling.delete(course);
    this.#leaveQueue(course);
  }

  /** Begins nothing more. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.stop();
    this.#timer = undefined;
  }

  /** Looks once more when interests are known everywhere. */
  #settle(course: Course, since: Timestamp): void {
    const { clock } = this.#options;
    if (course.since === undefined || since < course.since) course.since = since;
    course.askedAt = clock.now();
    course.isPaid = true;
    this.#wait(course);
  }

  #wait(course: Course): void {
    const { clock, doubt } = this.#options;
    this.#leaveQueue(course);
    // Removed first: the map must stay in the order of its times.
    this.#settling.delete(course);
    this.#settling.set(course, clock.now() + doubt.settleMs);
    this.#advance();
  }

  #pause(forMs: number): void {
    const until = this.#options.clock.now() + forMs;
    if (until > this.#pausedUntil) this.#pausedUntil = until;
  }

  /** Begins what is due, and comes back when there is more. */
  #advance(): void {
    if (this.#isStopped) return;
    const now = this.#options.clock.now();
    for (const [course, dueAt] of this.#settling) {
      if (dueAt > now) break;
      this.#settling.delete(course);
      // One that runs is looked at when it is done.
      if (!course.isRunning) this.#getReady(course);
    }
    if (now >= this.#pausedUntil) this.#runSome();
    this.#comeBack(now);
  }

  #getReady(course: Course): void {
    if (course.waitsAs !== undefined) return;
    course.waitsAs = course.subscription.subscriber.visitor.sharesAs;
    this.#ready.add(course.waitsAs, course);
  }

  #leaveQueue(course: Course): void {
    if (course.waitsAs !== undefined) this.#ready.delete(course.waitsAs, course);
    course.waitsAs = undefined;
  }

  #runSome(): void {
    const { catchUpsActiveMax, catchUpsSharedMax } = this.#options.limits;
    const mayHave = (who: string): boolean => (this.#activeOf.get(who) ?? 0) < catchUpsSharedMax;
    while (this.#active < catchUpsActiveMax) {
      const next = this.#ready.take(mayHave);
      if (next === undefined) return;
      next.thing.waitsAs = undefined;
      void this.#run(next.thing, next.who);
    }
  }

  #countActive(who: string, by: 1 | -1): void {
    this.#active += by;
    const active = (this.#activeOf.get(who) ?? 0) + by;
    if (active > 0) this.#activeOf.set(who, active);
    else this.#activeOf.delete(who);
  }

  #comeBack(now: number): void {
    let at = Infinity;
    for (const dueAt of this.#settling.values()) {
      at = dueAt;
      break;
    }
    if (this.#ready.size > 0 && this.#pausedUntil > now) at = Math.min(at, this.#pausedUntil);
    if (at === Infinity || (this.#timer !== undefined && this.#timer.at <= at)) return;
    this.#timer?.stop();
    const run = (): void => {
      this.#timer = undefined;
      this.#advance();
    };
    this.#timer = { at, stop: this.#options.clock.schedule(run, at - now) };
  }

  /** @param who takes this turn */
  async #run(course: Course, who: string): Promise<void> {
    const { counters } = this.#options;
    const { subscription, since, askedAt, isPaid } = course;
    if (since === undefined) return;
    this.#countActive(who, 1);
    course.isRunning = true;
    course.since = undefined;
    course.isPaid = false;
    counters.catchUps += 1;
    try {
      await this.#look(course, since, { askedAt, isPaid });
      this.#pauseMs = PAUSE_FIRST_MS;
    } catch (error) {
      if (course.since === undefined || since < course.since) course.since = since;
      course.isPaid ||= isPaid;
      this.#retryLater(course, askedAt, error);
    }
    this.#countActive(who, -1);
    course.isRunning = false;
    const isAgain = course.since !== undefined && this.#courses.has(subscription);
    if (isAgain && !this.#settling.has(course)) this.#getReady(course);
    this.#advance();
  }

  async #look(
    course: Course,
    since: Timestamp,
    { askedAt, isPaid }: Pick<Course, 'askedAt' | 'isPaid'>,
  ): Promise<void> {
    const { clock, doubt, refresh, find, found, lost } = this.#options;
    const { subscription } = course;
    await refresh(subscription.subscriber, askedAt);
    if (subscription.isClosed) return;
    const startedAt = clock.now();
    // As it is now: a publisher that is behind may fall silent meanwhile.
    const { marginMs } = doubt;
    // What the clocks of others call later arrives, or is for the next look.
    const until = timestampFromMillis(startedAt + marginMs);
    const records = await find(subscription, { since, until }, isPaid);
    if (subscription.isClosed) return;
    if (records === undefined) {
      lost(subscription, RESULT.TEMPORARY_ERROR);
      return;
    }
    if (records.length > 0) found(subscription, records);
    const completeTo = timestampFromMillis(Math.max(0, startedAt - marginMs));
    if (completeTo > course.completeTo) course.completeTo = completeTo;
  }

  /**
   * What one role cannot do now, it cannot do for others either: all of them wait. Who is out of budget
   * waits alone.
   */
  #retryLater(course: Course, askedAt: number, error: unknown): void {
    const { clock, limits, random, counters, lost, failed } = this.#options;
    const { subscription } = course;
    if (subscription.isClosed) return;
    if (isMosaicError(error) && error.code === OVER_BUDGET) {
      const isLate = clock.now() - askedAt > limits.catchUpTimeoutMs;
      if (isLate) lost(subscription, RESULT.TOO_FAST);
      else this.#wait(course);
      return;
    }
    counters.catchUpsFailed += 1;
    const isPassing = isMosaicError(error) && error.retryable;
    if (!isPassing || clock.now() - askedAt > limits.catchUpTimeoutMs) {
      failed(error);
      lost(subscription, isPassing ? RESULT.TEMPORARY_ERROR : resultOfError(error));
      return;
    }
    this.#pause(this.#pauseMs * (0.5 + random()));
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MAX_MS);
  }
}
