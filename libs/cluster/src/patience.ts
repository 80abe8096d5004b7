/**
 * Waits for what a process depends on: tries again with growing pauses up to a stated time, says
 * what it waits for, and gives up at once where waiting cannot help.
 */
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import { formatDurationMs, type Logger } from '@mosaic-cluster/runtime';
import { faultIn } from './quiet-log.ts';

/** How long to wait, and who is told. */
export interface PatienceOptions {
  /** From the first attempt on. */
  readonly timeoutMs: number;
  /** Ends the waiting, by an error. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** Told what is waited for and why, and, without a reason, that it is over. */
  readonly waits: (name: string, reason?: string) => void;
  /** 0 to 1, for pauses. */
  readonly random?: () => number;
}

const PAUSE_FIRST_MS = 250;
const PAUSE_MS_MAX = 5_000;
/** A reason that stays the same is said again so often. */
const REPEAT_MS = 30_000;

/**
 * Opens something; where it cannot be had, tries again.
 *
 * @param name as an operator calls it
 * @throws MosaicError `invalid` at once: other settings are needed. Others after the time, with the
 *   last reason. What `signal` says when it aborts
 */
export async function withPatience<T>(
  name: string,
  open: () => Promise<T>,
  options: PatienceOptions,
): Promise<T> {
  const { timeoutMs, signal, log, waits, random = Math.random } = options;
  const start = performance.now();
  let lastFault: string | undefined;
  let saidAt = 0;
  for (let attempt = 0; ; attempt++) {
    signal.throwIfAborted();
    try {
      const opened = await open();
      if (lastFault !== undefined) {
        const waited = formatDurationMs(Math.round(performance.now() - start));
        log.info(`${name} is there`, { waited });
      }
      waits(name);
      return opened;
    } catch (error) {
      if (!canPass(error)) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      const now = performance.now();
      const leftMs = start + timeoutMs - now;
      if (leftMs <= 0) throw givenUp(name, timeoutMs, error);
      waits(name, reason);
      const fault = faultIn(reason);
      if (fault !== lastFault || now - saidAt > REPEAT_MS) {
        log.warn(`waiting for ${name}: ${reason}`, { for: formatDurationMs(timeoutMs) });
        saidAt = now;
      }
      lastFault = fault;
      await pause(Math.min(leftMs, pauseAfter(attempt, random)), signal);
    }
  }
}

/** Whether the same attempt may succeed later: not where the settings are wrong, or we are. */
function canPass(error: unknown): boolean {
  return isMosaicError(error) && error.kind !== 'invalid' && error.kind !== 'internal';
}

function pauseAfter(attempt: number, random: () => number): number {
  const pauseMs = Math.min(PAUSE_FIRST_MS * 2 ** Math.min(attempt, 10), PAUSE_MS_MAX);
  return Math.ceil(pauseMs * (0.5 + 0.5 * random()));
}

function givenUp(name: string, timeoutMs: number, cause: unknown): MosaicError {
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `${name} was not there after ${formatDurationMs(timeoutMs)} (MOSAIC_START_TIMEOUT): ${why}`;
  return new MosaicError('unavailable', 'start-timeout', message, { cause });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
