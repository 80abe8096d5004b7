/**
 * Clock, timers, randomness and network of the client in one place, so that a test can own them.
 */
import type { Transport } from './transport.ts';

/** What the client takes from its surroundings. */
export interface ClientDeps {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** At least 0, below 1. Spreads retries; no secret depends on it. */
  readonly random: () => number;
  /** Calls `run` once after a delay in milliseconds; the returned function cancels it. */
  readonly startTimer: (run: () => void, delayMs: number) => () => void;
  readonly transport: Transport;
}

/** The real surroundings, with the platform's transport. */
export function systemDeps(transport: Transport): ClientDeps {
  return {
    now: Date.now,
    random: Math.random,
    startTimer(run, delayMs) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
    transport,
  };
}
