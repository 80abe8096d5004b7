/** What honest clients meet in a phase: how long everything takes, and what fails. */
import { Histogram } from '../../histogram.ts';

/** What honest clients do. */
export const HONEST_OPERATIONS = ['submission', 'query', 'delivery', 'arrival'] as const;
/** One of them. */
export type HonestOperation = (typeof HONEST_OPERATIONS)[number];

/** A phase of honest work. */
export class HonestFigures {
  readonly latency: Readonly<Record<HonestOperation, Histogram>> = {
    submission: new Histogram(),
    query: new Histogram(),
    delivery: new Histogram(),
    arrival: new Histogram(),
  };
  /** Why operations failed, and how often. */
  readonly failures: Map<string, number> = new Map();

  /** Notes an operation that went well. */
  done(operation: HonestOperation, sinceMs: number): void {
    this.latency[operation].record((performance.now() - sinceMs) * 1000);
  }

  /** Notes one that did not. */
  failed(operation: HonestOperation, who: string, why: string): void {
    const key = `${operation} of ${who}: ${why}`;
    this.failures.set(key, (this.failures.get(key) ?? 0) + 1);
  }

  get failureCount(): number {
    return [...this.failures.values()].reduce((sum, count) => sum + count, 0);
  }

  get succeeded(): number {
    return HONEST_OPERATIONS.reduce((sum, name) => sum + this.latency[name].total, 0);
  }

  /** From 0 to 1; of nothing, 0. */
  get success(): number {
    const all = this.succeeded + this.failureCount;
    return all === 0 ? 0 : this.succeeded / all;
  }
}
