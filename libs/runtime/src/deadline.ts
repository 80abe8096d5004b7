/**
 * Puts a limit on waiting. Whatever talks to another process can hang; a caller that says how
 * long it waits, and for what, turns a hang into an error that somebody can act on.
 */
import { RuntimeError } from './runtime-error.ts';

// A longer setTimeout would fire at once.
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/**
 * Waits for `work` for at most `timeoutMs`, then rejects with kind `unavailable`, code `deadline`
 * and a message that names `what` ("reading the index"). Work given as a function gets a signal
 * that aborts at the deadline; work given as a promise goes on unobserved, its late failure
 * included.
 */
export async function withDeadline<T>(
  work: Promise<T> | ((signal: AbortSignal) => Promise<T>),
  timeoutMs: number,
  what: string,
): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const expiry = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => {
        const message = `${what} took longer than ${timeoutMs} ms`;
        const error = new RuntimeError('unavailable', 'deadline', message);
        // First reject, then abort: the deadline is what the caller must hear of.
        reject(error);
        controller.abort(error);
      },
      Math.min(timeoutMs, TIMEOUT_MS_MAX),
    );
  });
  try {
    const started = typeof work === 'function' ? work(controller.signal) : work;
    return await Promise.race([started, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
