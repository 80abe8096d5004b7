/** What a scenario is: a way of loading a server, and what is measured meanwhile. */
import type { Outcome } from './generator/outcome.ts';
import type { GeneratorProcess } from './generator-process.ts';
import { Histogram } from './histogram.ts';
import type { RecordRange } from './records/record-range.ts';
import type { Cost, ServerWatch } from './server/server-watch.ts';

/** What a scenario works with. */
export interface ScenarioContext {
  readonly generator: GeneratorProcess;
  readonly watch: ServerWatch;
  /** The records that the server was filled with. */
  readonly store: RecordRange;
  /** A number of operations, scaled to how long the measurement may take; at least 1. */
  readonly scaled: (count: number) => number;
  /** Hands out records that no server has seen yet, signed. */
  readonly takeRecords: (count: number) => Promise<RecordRange>;
  /** Hands out numbers for records that the generator signs itself. */
  readonly takeNumbers: (count: number) => RecordRange;
}

/** What one run of a scenario measured. Times are in milliseconds or microseconds, as named. */
export interface Figures {
  readonly operations: number;
  readonly perSecond?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly maxMs?: number;
  /** The server's processor time per operation; for selective fan-out: what is added. */
  readonly cpuMicrosEach?: number;
  /** The generator's own. */
  readonly generatorCpuMicrosEach?: number;
  /** The server's memory after the scenario. */
  readonly rssMiB?: number;
  /** Kilobytes (1,000 bytes) of the server's memory per connection. */
  readonly kilobytesEach?: number;
}

/** The names of figures that an aim can be set for. */
export type FigureName = Exclude<keyof Figures, 'operations'>;

/** A way of loading a server. */
export interface Scenario {
  readonly name: string;
  /** What happens, in a line. */
  readonly title: string;
  /** What is counted. */
  readonly unit: string;
  /**
   * Which server it wants: one that holds the store, or, where the machine's owner lets us start
   * them, one that nobody has used before.
   */
  readonly server: 'filled' | 'new';
  /** Loads the server once. */
  run(context: ScenarioContext): Promise<Figures>;
}

/** The figures of a phase of load. */
export function figuresOf(outcome: Outcome, cost: Cost): Figures {
  const { operations, elapsedMs } = outcome;
  const latency = new Histogram(outcome.latency);
  return {
    operations,
    perSecond: (operations * 1000) / elapsedMs,
    p50Ms: latency.quantile(0.5) / 1000,
    p99Ms: latency.quantile(0.99) / 1000,
    maxMs: latency.max / 1000,
    generatorCpuMicrosEach: outcome.generatorCpuMicros / operations,
    ...costFigures(operations, cost),
  };
}

/** The figures that need the server's processes; none where they are not known. */
export function costFigures(
  operations: number,
  { cpuMicros, rssBytes }: Cost,
): Pick<Figures, 'cpuMicrosEach' | 'rssMiB'> {
  if (cpuMicros === undefined || rssBytes === undefined) return {};
  return { cpuMicrosEach: cpuMicros / operations, rssMiB: rssBytes / 2 ** 20 };
}
