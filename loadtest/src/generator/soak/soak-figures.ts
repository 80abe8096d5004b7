/** What a soak counts in the generator, handed over piece by piece while it runs. */
import { Histogram } from '../../histogram.ts';

/** What is timed. */
export const SOAK_PARTS = ['submission', 'query', 'get', 'delivery', 'visit'] as const;
/** A timed part's name. */
export type SoakPart = (typeof SOAK_PARTS)[number];

/** What is only counted. */
export const SOAK_EVENTS = [
  'duplicates',
  'replacements',
  'ephemeral',
  'resubscriptions',
  'slowReads',
  'shedSubscriptions',
] as const;
/** A counted event's name. */
export type SoakEvent = (typeof SOAK_EVENTS)[number];

/** What happened since the report before. */
export interface SoakReport {
  /** Microseconds, as {@link Histogram.snapshot} gives them. */
  readonly latency: Readonly<Record<SoakPart, Uint32Array>>;
  readonly events: Readonly<Record<SoakEvent, number>>;
}

/** Counts until the next report. */
export class SoakFigures {
  #latency = emptyLatency();
  #events = noEvents();

  /** Counts an operation that was begun at `startedAt` of `performance.now()` and ends now. */
  record(part: SoakPart, startedAt: number): void {
    this.#latency[part].record((performance.now() - startedAt) * 1000);
  }

  count(event: SoakEvent): void {
    this.#events[event] += 1;
  }

  /** What was counted; counting starts anew. */
  take(): SoakReport {
    const latency = this.#latency;
    const events = this.#events;
    this.#latency = emptyLatency();
    this.#events = noEvents();
    return { latency: ofParts((part) => latency[part].snapshot()), events };
  }
}

/** A value for each part. */
export function ofParts<T>(valueOf: (part: SoakPart) => T): Record<SoakPart, T> {
  const entries = SOAK_PARTS.map((part): [SoakPart, T] => [part, valueOf(part)]);
  return Object.fromEntries(entries) as Record<SoakPart, T>;
}

/** A zero for each event. */
export function noEvents(): Record<SoakEvent, number> {
  const entries = SOAK_EVENTS.map((event): [SoakEvent, number] => [event, 0]);
  return Object.fromEntries(entries) as Record<SoakEvent, number>;
}

function emptyLatency(): Record<SoakPart, Histogram> {
  return ofParts(() => new Histogram());
}
