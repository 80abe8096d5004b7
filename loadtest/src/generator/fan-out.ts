/**
 * Fan-out: one connection publishes, many get every record. Publisher and subscribers are in one
 * process, so that one clock measures the way from the write to the arrival. Every subscriber must
 * get every record exactly once.
 */
import { MESSAGE, readU16 } from '@mosaic-cluster/protocol';
import { LoadError } from '../load-error.ts';
import { idNumberAt, type SubmissionFrames } from '../records/submission-frames.ts';
import { checkLength, describeResult, RECORD_OFFSET, unexpected } from './answer.ts';
import { type Outcome, Stopwatch } from './outcome.ts';
import type { Pool } from './pool.ts';
import { PendingSubmissions } from './submit.ts';
import { SUBSCRIPTION_ID } from './subscribe.ts';

/** How to publish. */
export interface FanOutOptions {
  /** Records per second; absent: as fast as they are delivered. */
  readonly perSecond?: number;
  /** At full rate: records that are not yet with everybody. */
  readonly inFlight: number;
}

/** Publishes all records; `subscribers` are subscribed already. @throws LoadError */
export async function fanOut(
  publisher: Pool,
  subscribers: Pool,
  frames: SubmissionFrames,
  options: FanOutOptions,
): Promise<Outcome> {
  const run = new FanOutRun(publisher, frames, subscribers.connections.length, options);
  const [outcome] = await Promise.all([run.deliver(subscribers), run.publish()]);
  return outcome;
}

class FanOutRun {
  readonly #publisher: Pool;
  readonly #frames: SubmissionFrames;
  readonly #subscribers: number;
  readonly #options: FanOutOptions;
  readonly #pending: PendingSubmissions;
  readonly #sentAt: Float64Array;
  readonly #indexes = new Map<number, number>();
  /** Deliveries of each record. */
  readonly #deliveries: Uint32Array;
  /** Whether subscriber s got record i, at s · count + i. */
  readonly #seen: Uint8Array;
  readonly #watch = new Stopwatch();
  #sent = 0;
  /** Records that are with everybody. */
  #complete = 0;

  constructor(
    publisher: Pool,
    frames: SubmissionFrames,
    subscribers: number,
    options: FanOutOptions,
  ) {
    this.#publisher = publisher;
    this.#frames = frames;
    this.#subscribers = subscribers;
    this.#options = options;
    this.#pending = new PendingSubmissions(frames, false);
    this.#sentAt = new Float64Array(frames.count);
    this.#deliveries = new Uint32Array(frames.count);
    this.#seen = new Uint8Array(frames.count * subscribers);
    for (let i = 0; i < frames.count; i++) this.#indexes.set(frames.idNumber(i), i);
  }

  /** Resolves when every record is with every subscriber. */
  deliver(subscribers: Pool): Promise<Outcome> {
    let finish: (outcome: Outcome) => void = () => {};
    const total = this.#frames.count * this.#subscribers;
    return subscribers.run<Outcome>(
      {
        message: (_connection, index, bytes, at, length) => {
          this.#delivered(index, bytes, at, length);
          if (this.#complete === this.#frames.count) finish(this.#watch.stop(total));
        },
        caughtUp: () => this.#fill(),
      },
      (done) => {
        finish = done;
        if (total === 0) done(this.#watch.stop(0));
      },
    );
  }

  /** Resolves when every record is accepted. */
  publish(): Promise<void> {
    let finish: () => void = () => {};
    let waiting = this.#frames.count;
    let timer: NodeJS.Timeout | undefined;
    const publishing = this.#publisher.run<void>(
      {
        message: (_connection, _index, bytes, at, length) => {
          this.#pending.answered(bytes, at, length);
          waiting -= 1;
          if (waiting === 0) finish();
        },
      },
      (done) => {
        finish = done;
        if (waiting === 0) done();
        if (this.#options.perSecond === undefined) this.#fill();
        else timer = this.#pace(this.#options.perSecond);
      },
    );
    return publishing.finally(() => clearInterval(timer));
  }

  #pace(perSecond: number): NodeJS.Timeout {
    const start = performance.now();
    const intervalMs = 1000 / perSecond;
    // Looks more often than it sends, so that a late timer does not shift those after it.
    const timer = setInterval(() => {
      const due = Math.floor((performance.now() - start) / intervalMs) + 1;
      this.#send(Math.min(due, this.#frames.count));
      if (this.#sent === this.#frames.count) clearInterval(timer);
    }, 1);
    return timer;
  }

  #fill(): void {
    if (this.#options.perSecond !== undefined) return;
    this.#send(Math.min(this.#frames.count, this.#complete + this.#options.inFlight));
  }

  /** Sends what lies before record `to`. */
  #send(to: number): void {
    if (to <= this.#sent) return;
    this.#pending.sent(this.#sent, to);
    this.#sentAt.fill(performance.now(), this.#sent, to);
    this.#publisher.connections[0]!.write(this.#frames.slice(this.#sent, to));
    this.#sent = to;
  }

  #delivered(subscriber: number, bytes: Buffer, at: number, length: number): void {
    checkLength(bytes, at, length);
    if (bytes[at] === MESSAGE.queryClosed) {
      throw new LoadError(`a subscription was closed with ${describeResult(bytes[at + 6]!)}`);
    }
    if (bytes[at] !== MESSAGE.record) throw unexpected(bytes, at, length);
    if (readU16(bytes, at + 4) !== SUBSCRIPTION_ID) throw new LoadError('a wrong query id');
    const record = at + RECORD_OFFSET;
    const i = this.#indexes.get(idNumberAt(bytes, record));
    if (i === undefined || i >= this.#sent) {
      throw new LoadError('a delivered record is none that was published');
    }
    // One subscriber's records are compared in full; for all that would cost more than the rest.
    if (subscriber === 0 && !this.#frames.isRecord(i, bytes, record, length - RECORD_OFFSET)) {
      throw new LoadError('a delivered record is not the one that was published');
    }
    const place = subscriber * this.#frames.count + i;
    if (this.#seen[place] === 1) throw new LoadError('a record was delivered twice');
    this.#seen[place] = 1;
    this.#watch.latency.record((performance.now() - this.#sentAt[i]!) * 1000);
    this.#deliveries[i]! += 1;
    if (this.#deliveries[i] === this.#subscribers) this.#complete += 1;
  }
}

/**
 * Publishes record i for subscriber i, who alone may get it: shows that subscriptions to one author
 * each were really there.
 */
export async function deliverOneEach(
  publisher: Pool,
  subscribers: Pool,
  frames: SubmissionFrames,
): Promise<void> {
  const waiting = new Set(Array.from({ length: frames.count }, (_, i) => i));
  const pending = new PendingSubmissions(frames, false);
  let finishDelivery: () => void = () => {};
  let finishPublishing: () => void = () => {};
  const delivering = subscribers.run<void>(
    {
      message: (_connection, index, bytes, at, length) => {
        if (bytes[at] !== MESSAGE.record) throw unexpected(bytes, at, length);
        const isOwn = frames.isRecord(index, bytes, at + RECORD_OFFSET, length - RECORD_OFFSET);
        if (!isOwn) throw new LoadError('a record reached a subscriber who did not ask for it');
        if (!waiting.delete(index)) throw new LoadError('a record was delivered twice');
        if (waiting.size === 0) finishDelivery();
      },
    },
    (done) => {
      finishDelivery = done;
      if (waiting.size === 0) done();
    },
  );
  let accepted = 0;
  const publishing = publisher.run<void>(
    {
      message: (_connection, _index, bytes, at, length) => {
        pending.answered(bytes, at, length);
        accepted += 1;
        if (accepted === frames.count) finishPublishing();
      },
    },
    (done) => {
      finishPublishing = done;
      if (frames.count === 0) done();
      pending.sent(0, frames.count);
      publisher.connections[0]!.write(frames.slice(0, frames.count));
    },
  );
  await Promise.all([delivering, publishing]);
}
