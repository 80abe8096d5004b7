/**
 * Reads what a phase of load has cost the server. A server may put work off, so the cost is read
 * when it has become quiet again, and work that was put off counts.
 */
import { setTimeout } from 'node:timers/promises';
import type { CoreUsage, ProcessMemory, ProcessReader, Usage } from './process-usage.ts';

/** Between two looks whether the server is quiet. */
const LOOK_MS = 100;
/** Processor time between two looks up to which a server counts as quiet: one tick. */
const QUIET_MICROS = 10_000;
const PROCESSES_PER_TICK = 4;
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

/** Processes of a server that do one thing together. */
export interface ProcessGroup {
  readonly name: string;
  readonly pids: readonly number[];
}

/** When a phase was measured, and what each thread of the server's processes used. */
export interface Phase {
  /** Microseconds of the machine's monotonic clock, which profiles are written in as well. */
  readonly startMicros: number;
  readonly endMicros: number;
  /** Processor time by thread id. */
  readonly threadMicros: ReadonlyMap<number, number>;
  /** What each of the machine's processors did, for whoever it was. */
  readonly cores: ReadonlyMap<number, CoreUsage>;
  /** Processor time by group, what was put off included. */
  readonly groupMicros: ReadonlyMap<string, number>;
}

/** Watches a server's processes. */
export class ServerWatch {
  readonly #reader: ProcessReader;
  readonly #pids: readonly number[];
  readonly #withChildren: boolean;
  readonly #groups: readonly ProcessGroup[];
  /** What was measured so far. */
  readonly phases: Phase[] = [];

  /**
   * @param pids the server's processes; none: nothing is known about its cost
   * @param groups those of them whose cost is wanted apart
   */
  constructor(
    reader: ProcessReader,
    pids: readonly number[],
    withChildren: boolean,
    groups: readonly ProcessGroup[] = [],
  ) {
    this.#groups = groups;
    this.#reader = reader;
    this.#pids = pids;
    this.#withChildren = withChildren;
  }

  /** Runs a phase of load on a quiet server; what it gave and what it cost. */
  async measure<T>(phase: () => Promise<T>): Promise<{ result: T; cost: Cost }> {
    const before = await this.quiet();
    const threads = this.#threads();
    const groups = this.#groupTimes();
    const coresBefore = this.#reader.cores();
    const startMicros = monotonicMicros();
    const result = await phase();
    const endMicros = monotonicMicros();
    const cores = coreTimes(this.#reader.cores(), coresBefore);
    const threadMicros = subtract(this.#threads(), threads);
    const after = await this.quiet();
    const groupMicros = subtract(this.#groupTimes(), groups);
    this.phases.push({ startMicros, endMicros, threadMicros, cores, groupMicros });
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
      quietLooks = next.cpuMicros - usage.cpuMicros <= this.#quietMicros ? quietLooks + 1 : 0;
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

  /** Every few processes are allowed a tick: each wakes up now and then with nothing to do. */
  get #quietMicros(): number {
    return QUIET_MICROS * Math.ceil(this.#pids.length / PROCESSES_PER_TICK);
  }

  #groupTimes(): Map<string, number> {
    return new Map(
      this.#groups.map(({ name, pids }) => [name, this.#reader.usage(pids).cpuMicros]),
    );
  }

  #threads(): Map<number, number> {
    return new Map(this.#pids.flatMap((pid) => [...this.#reader.threads(pid)]));
  }

  #usage(): Usage {
    return this.#reader.usage(this.#allPids());
  }
}

function coreTimes(
  after: ReadonlyMap<number, CoreUsage>,
  before: ReadonlyMap<number, CoreUsage>,
): Map<number, CoreUsage> {
  return new Map(
    [...after].map(([core, usage]) => {
      const start = before.get(core) ?? usage;
      const busyMicros = usage.busyMicros - start.busyMicros;
      const idleMicros = usage.idleMicros - start.idleMicros;
      return [
        core,
        { busyMicros, idleMicros, stolenMicros: usage.stolenMicros - start.stolenMicros },
      ];
    }),
  );
}

function subtract<K>(
  after: ReadonlyMap<K, number>,
  before: ReadonlyMap<K, number>,
): Map<K, number> {
  return new Map([...after].map(([id, micros]) => [id, micros - (before.get(id) ?? 0)]));
}

function monotonicMicros(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
