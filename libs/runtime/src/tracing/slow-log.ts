/**
 * Tells operators of slow operations: few lines when many things are slow at a time, which is when
 * they are, and never silently fewer.
 */
import { type LogFields, type Logger, silentLogger } from '../logger.ts';
import { TRACE_LIMIT_TABLE } from './trace-limits.ts';

const LINES_MAX = TRACE_LIMIT_TABLE.slowLinesMax.value;
const PERIOD_MS = 10_000;

/** What a log of slow operations needs. */
export interface SlowLogOptions {
  readonly log: Logger;
  /** From so many milliseconds on an operation is slow; 0: none is. */
  readonly afterMs: number;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** Warns of slow operations. */
export class SlowLog {
  readonly #options: SlowLogOptions;
  readonly #now: () => number;
  #period = -1;
  #lines = 0;
  #untold = 0;

  constructor(options: SlowLogOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Whether an operation that took so long is worth {@link warn}. */
  isSlow(tookMs: number): boolean {
    const { afterMs } = this.#options;
    return afterMs > 0 && tookMs >= afterMs;
  }

  /** Writes a line, or counts it: the next one says in `untold` how many there were. */
  warn(message: string, fields: LogFields): void {
    // By the clock, so that the periods of all processes begin together: then the first lines of one
    // are about the same requests as those of another.
    const period = Math.floor(this.#now() / PERIOD_MS);
    if (period !== this.#period) {
      this.#period = period;
      this.#lines = 0;
    }
    if (this.#lines >= LINES_MAX) {
      this.#untold += 1;
      return;
    }
    this.#lines += 1;
    const untold = this.#untold;
    this.#untold = 0;
    this.#options.log.warn(message, untold === 0 ? fields : { ...fields, untold });
  }
}

/** Tells nothing. */
export const noSlowLog: SlowLog = new SlowLog({ log: silentLogger, afterMs: 0 });

/** Times in milliseconds by what they went into. */
export type TimesByPart = Readonly<Record<string, number>>;

/** Parts that a sentence names. */
const NAMED_MAX = 3;

/** Continues "so many ms" with where most of it went: ` (append 2080, wait 300)`. */
export function mostOf(tookMs: number, parts: TimesByPart): string {
  const large = Object.entries(parts).filter(([, ms]) => ms >= tookMs / 20 && Math.round(ms) > 0);
  if (large.length === 0) return '';
  const named = large.toSorted(([, a], [, b]) => b - a).slice(0, NAMED_MAX);
  return ` (${named.map(([part, ms]) => `${part} ${Math.round(ms)}`).join(', ')})`;
}

/** Times in whole milliseconds, without those that are none. */
export function roundedMs(parts: TimesByPart): TimesByPart {
  const rounded = Object.entries(parts).map(([part, ms]) => [part, Math.round(ms)] as const);
  return Object.fromEntries(rounded.filter(([, ms]) => ms > 0));
}
