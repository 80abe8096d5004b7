/**
 * Ingest: every connection submits its share of the records with a constant number in flight. Each
 * result must be ACCEPTED and name a record that is in flight.
 */
import { MESSAGE, RESULT } from '@mosaic-cluster/protocol';
import { LoadError } from '../load-error.ts';
import { idNumberAt, type SubmissionFrames } from '../records/submission-frames.ts';
import { checkLength, describeResult, unexpected } from './answer.ts';
import type { Connection } from './connection.ts';
import { type Outcome, Stopwatch } from './outcome.ts';
import type { Pool } from './pool.ts';

/** How to submit. */
export interface SubmitOptions {
  /** Submissions of one connection that are not answered. */
  readonly inFlight: number;
  /** Whether a record that the server holds already is fine as well: to fill a store. */
  readonly takesDuplicates?: boolean;
}

/** One connection's share of the records: `next` to `end - 1` are still to be sent. */
interface Share {
  next: number;
  readonly end: number;
  inFlight: number;
}

/** The records that wait for their result. */
export class PendingSubmissions {
  readonly #frames: SubmissionFrames;
  readonly #sentAt: Float64Array;
  readonly #indexes = new Map<number, number>();
  readonly #takesDuplicates: boolean;

  constructor(frames: SubmissionFrames, takesDuplicates: boolean) {
    this.#frames = frames;
    this.#sentAt = new Float64Array(frames.count);
    this.#takesDuplicates = takesDuplicates;
  }

  /** Notes records `from` to `to - 1` as sent now. */
  sent(from: number, to: number): void {
    const now = performance.now();
    for (let i = from; i < to; i++) {
      this.#sentAt[i] = now;
      this.#indexes.set(this.#frames.idNumber(i), i);
    }
  }

  /** Takes a Submission Result; milliseconds since its record was sent. @throws LoadError */
  answered(bytes: Buffer, at: number, length: number): number {
    if (bytes[at] !== MESSAGE.submissionResult) throw unexpected(bytes, at, length);
    checkLength(bytes, at, length);
    const number = idNumberAt(bytes, at + 8);
    const index = this.#indexes.get(number);
    if (index === undefined || !this.#frames.hasPrefix(index, bytes, at + 8)) {
      throw new LoadError('a result for a record that was not submitted, or answered before');
    }
    this.#indexes.delete(number);
    const result = bytes[at + 4]!;
    const isFine =
      result === RESULT.ACCEPTED || (this.#takesDuplicates && result === RESULT.DUPLICATE);
    if (!isFine) throw new LoadError(`a record was answered with ${describeResult(result)}`);
    return performance.now() - this.#sentAt[index]!;
  }
}

/** Submits all records. @throws LoadError at the first answer that is not as it should be */
export function submit(
  pool: Pool,
  frames: SubmissionFrames,
  { inFlight, takesDuplicates = false }: SubmitOptions,
): Promise<Outcome> {
  const shares = shareOut(frames.count, pool.connections.length);
  const pending = new PendingSubmissions(frames, takesDuplicates);
  const watch = new Stopwatch();
  let answered = 0;
  let finish: (outcome: Outcome) => void = () => {};
  const fill = (connection: Connection, share: Share): void => {
    const to = Math.min(share.end, share.next + inFlight - share.inFlight);
    if (to <= share.next) return;
    pending.sent(share.next, to);
    connection.write(frames.slice(share.next, to));
    share.inFlight += to - share.next;
    share.next = to;
  };
  return pool.run<Outcome>(
    {
      message: (_connection, index, bytes, at, length) => {
        watch.latency.record(pending.answered(bytes, at, length) * 1000);
        shares[index]!.inFlight -= 1;
        answered += 1;
      },
      caughtUp: (connection, index) => {
        fill(connection, shares[index]!);
        if (answered === frames.count) finish(watch.stop(answered));
      },
    },
    (done) => {
      finish = done;
      if (frames.count === 0) done(watch.stop(0));
      for (const [i, connection] of pool.connections.entries()) fill(connection, shares[i]!);
    },
  );
}

function shareOut(count: number, connections: number): Share[] {
  const border = (i: number): number => Math.floor((count * i) / connections);
  return Array.from({ length: connections }, (_, i) => {
    return { next: border(i), end: border(i + 1), inFlight: 0 };
  });
}
