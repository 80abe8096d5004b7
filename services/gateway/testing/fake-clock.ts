/** Time that passes when a test says so. */
import type { Clock } from '../src/clock.ts';

/** A clock under a test's control. Deferred work runs at the next turn, as in real life. */
export class FakeClock implements Clock {
  #nowMs: number;
  #timers: { readonly at: number; readonly run: () => void }[] = [];

  constructor(nowMs = 1_000_000) {
    this.#nowMs = nowMs;
  }

  /** How many calls are scheduled. */
  get scheduled(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#nowMs;
  }

  schedule(run: () => void, delayMs: number): () => void {
    const timer = { at: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  defer(run: () => void): void {
    setImmediate(run);
  }

  /** Lets time pass, and everything that is due happen in its order. */
  advance(byMs: number): void {
    const end = this.#nowMs + byMs;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.#nowMs = Math.max(this.#nowMs, next.at);
      next.run();
    }
    this.#nowMs = end;
  }
}
