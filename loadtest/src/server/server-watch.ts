/**
 * Reads what a phase of load has cost the server. A server may put work off, so the cost is read
 * when it has become quiet again, and work that was put off counts.
 */
import { setTimeout } from 'node:timers/promises';
import type { ProcessMemory, ProcessReader, Usage } from './process-usage.ts';

/** Between two looks whether the server is quiet. */
const LOOK_MS = 100;
/** Processor time between two looks up to which a server counts as quiet: one tick. */
const QUIET_MICROS = 10_000;
/** Quiet looks in a row that are waited for, and most looks. */
const LOOKS_QUIET = 3;
const LOOKS_MAX = 100;

/** What a phase has cost. */
export interface Cost {
  /** Processor time of the server; undefined where its processes are not known. */
  readonly cpuMicros: number | undefined;
  /** Resident memory of the server afterwards. */
  readonly rssBytes: number | undefined;
}

/** When a phase was measured, and what each thread of the server's processes used. */
export interface Phase {
  /** Microseconds of the machine's monotonic clock, which profiles are written in as well. */
  readonly startMicros: number;
  readonly endMicros: number;
  /** Processor time by thread id. */
  readonly threadMicros: ReadonlyMap<number, number>;
}

/** Watches a server's processes. */
export class ServerWatch {
  readonly #reader: ProcessReader;
  readonly #pids: readonly number[];
  readonly #withChildren: boolean;
  /** What was measured so far. */
  readonly phases: Phase[] = [];

  /** @param pids the server's processes; none: nothing is known about its cost */
  constructor(reader: ProcessReader, pids: readonly number[], withChildren: boolean) {
    this.#reader = reader;
    this.#pids = pids;
    this.#withChildren = withChildren;
  }

  /** Runs a phase of load on a quiet server; what it gave and what it cost. */
  async measure<T>(phase: () => Promise<T>): Promise<{ result: T; cost: Cost }> {
    const before = await this.quiet();
    const threads = this.#threads();
    const startMicros = monotonicMicros();
    const result = await phase();
    const endMicros = monotonicMicros();
    const threadMicros = subtract(this.#threads(), threads);
    this.phases.push({ startMicros, endMicros, threadMicros });
    const after = await this.quiet();
    if (before === undefined || after === undefined) {
      return { result, cost: { cpuMicros: undefined, rssBytes: undefined } };
    }
    const cpuMicros = after.cpuMicros - before.cpuMicros;
    return { result, cost: { cpuMicros, rssBytes: after.rssBytes } };
  }

  /** Waits until the server is quiet, but not for ever; its usage then. */
  async quiet(): Promise<Usage | undefined> {
    if (this.#pids.length === 0) return undefined;
    let usage = this.#usage();
    let quietLooks = 0;
    for (let look = 0; look < LOOKS_MAX && quietLooks < LOOKS_QUIET; look++) {
      await setTimeout(LOOK_MS);
      const next = this.#usage();
      quietLooks = next.cpuMicros - usage.cpuMicros <= QUIET_MICROS ? quietLooks + 1 : 0;
      usage = next;
    }
    return usage;
  }

  /** What the server holds in memory now; undefined where its processes are not known. */
  memory(): ProcessMemory | undefined {
    return this.#pids.length === 0 ? undefined : this.#reader.memory(this.#allPids());
  }

  #allPids(): readonly number[] {
    return this.#withChildren ? this.#reader.withDescendants(this.#pids) : this.#pids;
  }

  #threads(): Map<number, number> {
    return new Map(this.#pids.flatMap((pid) => [...this.#reader.threads(pid)]));
  }

  #usage(): Usage {
    return this.#reader.usage(this.#allPids());
  }
}

function subtract(
  after: ReadonlyMap<number, number>,
  before: ReadonlyMap<number, number>,
): Map<number, number> {
  return new Map([...after].map(([id, micros]) => [id, micros - (before.get(id) ?? 0)]));
}

function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
