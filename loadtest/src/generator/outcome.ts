/** What a generator measured, in a form that goes from process to process. */
import { Histogram } from '../histogram.ts';

/** One phase of load. */
export interface Outcome {
  /** Answers, deliveries, … : whatever the scenario counts. */
  readonly operations: number;
  /** From the first byte sent to the last one awaited. */
  readonly elapsedMs: number;
  /** Microseconds per operation, as {@link Histogram.snapshot} gives them. */
  readonly latency: Uint32Array;
  /** Processor time of the generator itself. */
  readonly generatorCpuMicros: number;
}

/** Measures one phase of load in this process. */
export class Stopwatch {
  readonly latency: Histogram = new Histogram();
  readonly #start: number = performance.now();
  readonly #cpu: NodeJS.CpuUsage = process.cpuUsage();

  /** The outcome, now. */
  stop(operations: number): Outcome {
    const elapsedMs = performance.now() - this.#start;
    const { user, system } = process.cpuUsage(this.#cpu);
    const generatorCpuMicros = user + system;
    return { operations, elapsedMs, latency: this.latency.snapshot(), generatorCpuMicros };
  }
}
