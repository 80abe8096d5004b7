/**
 * Repeats a request to an object store that may succeed at another attempt, with growing random
 * pauses, so that many clients of a store in trouble do not come back at the same moment.
 */
import { MosaicError } from '@mosaic-cluster/protocol';

/** How often and how long. */
export interface RetryPolicy {
  /** Attempts of a call, the first included. */
  readonly attemptsMax: number;
  /** Milliseconds of a call, with all of its attempts and pauses. */
  readonly callTimeoutMs: number;
  /** 0 to 1, exclusive. */
  readonly random: () => number;
}

/** What to do about a failed attempt. */
export interface AttemptFailure {
  readonly error: MosaicError;
  readonly retry: 'never' | 'soon' | 'slowly';
}

/** A call to repeat. */
export interface RetriedCall<T> {
  readonly run: (signal: AbortSignal) => Promise<T>;
  readonly failure: (thrown: unknown) => AttemptFailure;
  /** The error once the time is up; with what failed last, where something did. */
  readonly timedOut: (last: MosaicError | undefined) => MosaicError;
  /** The error where somebody gave up. */
  readonly aborted: () => MosaicError;
  /** Ends the call early. */
  readonly signal: AbortSignal | undefined;
}

const PAUSE_MS = { soon: 50, slowly: 400 } as const;
const PAUSE_MS_MAX = 5000;

/** Runs a call until it succeeds, cannot succeed, or its attempts or its time are used up. */
export async function retried<T>(policy: RetryPolicy, call: RetriedCall<T>): Promise<T> {
  const controller = new AbortController();
  let isTimeUp = false;
  const giveUp = (): void => controller.abort();
  const timer = setTimeout(() => {
    isTimeUp = true;
    giveUp();
  }, policy.callTimeoutMs);
  if (call.signal?.aborted === true) giveUp();
  call.signal?.addEventListener('abort', giveUp, { once: true });
  const { signal } = controller;
  let last: MosaicError | undefined;
  try {
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        return await call.run(signal);
      } catch (thrown) {
        if (signal.aborted) break;
        const { error, retry } = call.failure(thrown);
        last = error;
        if (retry === 'never' || attempt >= policy.attemptsMax) throw error;
        const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS[retry] * 2 ** attempt);
        await pause(pauseMs * policy.random(), signal);
      }
    }
    throw isTimeUp ? call.timedOut(last) : call.aborted();
  } finally {
    clearTimeout(timer);
    call.signal?.removeEventListener('abort', giveUp);
  }
}

/** Resolves after a time, or as soon as nobody waits any more. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
