/** Time as the engine needs it, so that tests and simulations can own it. */

/** Tells the time and calls back later. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `run` once after `delayMs`; the returned function takes it back. */
  schedule(run: () => void, delayMs: number): () => void;
  /** Calls `run` after what the process has at hand now, without waiting for anything. */
  defer(run: () => void): void;
}

/** The machine's clock. A scheduled call does not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule: (run, delayMs) => {
    const timer = setTimeout(run, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  // After everything that arrived with the same turn of the event loop: messages of many
  // sockets end up in one batch, and a lone one waits for nothing.
  defer: (run) => {
    setImmediate(run);
  },
};
