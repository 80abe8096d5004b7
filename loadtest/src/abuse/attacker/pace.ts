/** Keeps attacks at a rate, so that what they show is the server's doing and not the machine's. */

/** Between two turns. */
const TURN_MS = 10;
/** What is owed for turns that came late, at most: the rest is not made up for. */
const OWED_TURNS_MAX = 5;

/**
 * Acts so many times per second until the signal ends it.
 *
 * @param act called in turns of some milliseconds, several times in a row at higher rates
 */
export function pace(perSecond: number, signal: AbortSignal, act: () => void): Promise<void> {
  return new Promise((resolve) => {
    const perTurn = (perSecond * TURN_MS) / 1000;
    let last = performance.now();
    let owed = 0;
    const timer = setInterval(() => {
      const now = performance.now();
      owed = Math.min(owed + ((now - last) / TURN_MS) * perTurn, perTurn * OWED_TURNS_MAX + 1);
      last = now;
      for (; owed >= 1 && !signal.aborted; owed--) act();
    }, TURN_MS);
    const end = (): void => {
      clearInterval(timer);
      resolve();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

/** Waits, but not beyond the end of the attack. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}

/** Resolves when the signal is given. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
