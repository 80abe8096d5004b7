/**
 * What a server has used: processor time and memory of its processes, read from Linux's /proc. The
 * processor time of an operation is the figure that holds on a machine with other things to do.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { LoadError } from '../load-error.ts';

/** Microseconds of a clock tick in /proc: Linux shows times in 1/100 s on every architecture. */
const TICK_MICROS = 10_000;
/** Places of the fields in /proc/PID/stat behind the command's name, which may hold spaces. */
const STAT = { parent: 1, userTicks: 11, systemTicks: 12 } as const;

/** Processor time so far, and memory now, of some processes together. */
export interface Usage {
  /** User and system time of all threads, also of those that have ended. */
  readonly cpuMicros: number;
  /** Resident memory. */
  readonly rssBytes: number;
}

/** What some processes hold in memory, together. */
export interface ProcessMemory {
  /** Memory of their own: heaps, stacks and buffers. Only they can give it back. */
  readonly ownBytes: number;
  /** Files that they have mapped and used, such as an index: the kernel takes it back at need. */
  readonly fileBytes: number;
}

/** What a processor did so far, whoever it did it for. */
export interface CoreUsage {
  readonly busyMicros: number;
  readonly idleMicros: number;
  /** Time in which the machine it is part of was not given it. */
  readonly stolenMicros: number;
}

/** Reads `proc`, a folder like /proc. */
export class ProcessReader {
  readonly #proc: string;

  constructor(proc = '/proc') {
    this.#proc = proc;
  }

  /**
   * Usage of some processes.
   *
   * @throws LoadError where one of them does not run, or this is not Linux
   */
  usage(pids: readonly number[]): Usage {
    let cpuMicros = 0;
    let rssBytes = 0;
    for (const pid of pids) {
      const stat = this.#stat(`${pid}`, pid);
      cpuMicros += ticks(stat) * TICK_MICROS;
      rssBytes += this.#rss(pid);
    }
    return { cpuMicros, rssBytes };
  }

  /** Memory of some processes; both parts together are the resident memory. @throws LoadError */
  memory(pids: readonly number[]): ProcessMemory {
    let ownBytes = 0;
    let fileBytes = 0;
    for (const pid of pids) {
      const status = this.#read(`${pid}/status`, pid);
      ownBytes += bytesOf(status, 'RssAnon') + bytesOf(status, 'RssShmem');
      fileBytes += bytesOf(status, 'RssFile');
    }
    return { ownBytes, fileBytes };
  }

  /** These processes and all that they started and that run. */
  withDescendants(pids: readonly number[]): number[] {
    const childrenOf = new Map<number, number[]>();
    for (const name of readdirSync(this.#proc)) {
      if (!/^\d+$/.test(name)) continue;
      const parent = this.#parentOf(Number(name));
      if (parent === undefined) continue;
      childrenOf.set(parent, [...(childrenOf.get(parent) ?? []), Number(name)]);
    }
    const found = new Set(pids);
    for (const pid of found) for (const child of childrenOf.get(pid) ?? []) found.add(child);
    return [...found];
  }

  /** Processor time of each live thread of a process, in microseconds, by thread id. */
  threads(pid: number): Map<number, number> {
    const times = new Map<number, number>();
    for (const name of readdirSync(`${this.#proc}/${pid}/task`)) {
      try {
        times.set(Number(name), ticks(this.#stat(`${pid}/task/${name}`, pid)) * TICK_MICROS);
      } catch (error) {
        // A thread may end between listing and reading.
        if (!(error instanceof LoadError)) throw error;
      }
    }
    return times;
  }

  /** What each processor did since the machine started. @throws LoadError */
  cores(): Map<number, CoreUsage> {
    const usage = new Map<number, CoreUsage>();
    for (const line of readFileSync(`${this.#proc}/stat`, 'utf8').split('\n')) {
      const match = /^cpu(\d+) (.*)$/.exec(line);
      if (match === null) continue;
      const times = match[2]!.split(' ').map((text) => Number(text) * TICK_MICROS);
      const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, stolen = 0] =
        times;
      usage.set(Number(match[1]), {
        busyMicros: user + nice + system + irq + soft,
        idleMicros: idle + wait,
        stolenMicros: stolen,
      });
    }
    return usage;
  }

  #parentOf(pid: number): number | undefined {
    try {
      return Number(this.#stat(`${pid}`, pid)[STAT.parent]);
    } catch (error) {
      if (error instanceof LoadError) return undefined;
      throw error;
    }
  }

  #stat(path: string, pid: number): string[] {
    const text = this.#read(`${path}/stat`, pid);
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  }

  #rss(pid: number): number {
    return bytesOf(this.#read(`${pid}/status`, pid), 'VmRSS');
  }

  #read(path: string, pid: number): string {
    try {
      return readFileSync(`${this.#proc}/${path}`, 'utf8');
    } catch (cause) {
      const message = `process ${pid} cannot be read in ${this.#proc}: has the server ended?`;
      throw new LoadError(message, { cause });
    }
  }
}

/** A line of /proc/PID/status, in bytes. */
function bytesOf(status: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status);
  return Number(match?.[1] ?? 0) * 1024;
}

function ticks(stat: readonly string[]): number {
  return Number(stat[STAT.userTicks]) + Number(stat[STAT.systemTicks]);
}
