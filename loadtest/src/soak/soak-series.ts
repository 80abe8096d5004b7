/** What a soak has seen so far: memory over time, and latencies of its first and its last third. */
import {
  noEvents,
  ofParts,
  SOAK_EVENTS,
  SOAK_PARTS,
  type SoakEvent,
  type SoakPart,
  type SoakReport,
} from '../generator/soak/soak-figures.ts';
import { Histogram } from '../histogram.ts';
import type { Sample } from './flatness.ts';

/** The kinds of memory that are watched. */
export const MEMORY_KINDS = ['own', 'heap', 'buffers', 'files'] as const;
/**
 * `own`: the processes' own memory; `heap` and `buffers`: what JavaScript uses of it, in its heap
 * and outside; `files`: mapped files.
 */
export type MemoryKind = (typeof MEMORY_KINDS)[number];
/** Those that must stay flat. */
export type JudgedMemoryKind = Exclude<MemoryKind, 'files'>;

/** The thirds of a run by number. */
const THIRDS = 3;

/** Collects. */
export class SoakSeries {
  readonly memory: Readonly<Record<MemoryKind, Sample[]>> = {
    own: [],
    heap: [],
    buffers: [],
    files: [],
  };
  readonly events: Record<SoakEvent, number> = noEvents();
  readonly #thirds: readonly Record<SoakPart, Histogram>[];
  readonly #seconds: number;

  /** @param seconds how long the run is going to be */
  constructor(seconds: number) {
    this.#seconds = seconds;
    this.#thirds = Array.from({ length: THIRDS }, () => ofParts(() => new Histogram()));
  }

  /** Adds what the generator reported at a second of the run. */
  addReport(seconds: number, { latency, events }: SoakReport): void {
    const number = Math.min(THIRDS - 1, Math.floor((seconds / this.#seconds) * THIRDS));
    const third = this.#thirds[number]!;
    for (const part of SOAK_PARTS) third[part].add(new Histogram(latency[part]));
    for (const event of SOAK_EVENTS) this.events[event] += events[event];
  }

  addMemory(kind: MemoryKind, seconds: number, bytes: number): void {
    this.memory[kind].push({ seconds, bytes });
  }

  /** Latencies of a part in one of the three thirds. */
  third(number: 0 | 1 | 2, part: SoakPart): Histogram {
    return this.#thirds[number]![part];
  }

  /** Latencies of a part in the whole run. */
  whole(part: SoakPart): Histogram {
    const sum = new Histogram();
    for (const third of this.#thirds) sum.add(third[part]);
    return sum;
  }
}
