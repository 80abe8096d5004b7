/**
 * When to try again. Delays double and are drawn at random from zero to the full delay, so that
 * clients which lost the same server do not come back in step.
 */
import { MosaicError } from '@mosaic-cluster/protocol';

/** The pace of repeated attempts. Durations are in milliseconds. */
export interface BackoffOptions {
  /** The first delay is drawn from 0 to this. */
  readonly initialMs: number;
  /** No delay is longer. */
  readonly maxMs: number;
}

/** How a lost connection is replaced. */
export interface ReconnectOptions extends BackoffOptions {
  /** Failed attempts in a row after which the client gives up. Default: never. */
  readonly attemptsMax: number;
  /** After SHUTTING_DOWN the first attempt waits for a time drawn from 0 to this. */
  readonly shutdownSpreadMs: number;
  /** After a temporary ban the first attempt waits at least this long. */
  readonly bannedMs: number;
  /** A connection that lasted this long counts as a success: the delays start over. */
  readonly stableMs: number;
}

/** How requests with a retryable outcome are repeated. */
export interface RetryOptions extends BackoffOptions {
  /** Attempts without progress, the first included, after which a request fails. */
  readonly attemptsMax: number;
  /** A submission fails this long after it was handed in, whatever it waits for. */
  readonly timeoutMs: number;
}

/** Reconnects for ever, at most half a minute apart. */
export const RECONNECT_DEFAULTS: ReconnectOptions = {
  initialMs: 250,
  maxMs: 30_000,
  attemptsMax: Number.POSITIVE_INFINITY,
  shutdownSpreadMs: 5_000,
  bannedMs: 60_000,
  stableMs: 5_000,
};

/** Twelve attempts within a minute: one that a server is away for several seconds must not use up. */
export const RETRY_DEFAULTS: RetryOptions = {
  initialMs: 200,
  maxMs: 10_000,
  attemptsMax: 12,
  timeoutMs: 60_000,
};

/** Doublings after which the delay is long past any sensible maximum. */
const DOUBLINGS_MAX = 40;

/**
 * The delay before attempt `failures` + 1: random with an upper bound that doubles.
 *
 * @param failures attempts that failed in a row, at least 1
 */
export function backoffMs(options: BackoffOptions, failures: number, random: () => number): number {
  const doubled = options.initialMs * 2 ** Math.min(failures - 1, DOUBLINGS_MAX);
  return random() * Math.min(options.maxMs, doubled);
}

/** @throws MosaicError `invalid` with code `client-options` for a delay or count that is none */
export function checkPace(name: string, pace: Readonly<Record<string, number>>): void {
  for (const [field, value] of Object.entries(pace)) {
    const isCount = field === 'attemptsMax';
    if (value >= (isCount ? 1 : 0) && (isCount || Number.isFinite(value))) continue;
    const wanted = isCount ? 'at least 1' : 'a number of milliseconds, not negative';
    throw new MosaicError('invalid', 'client-options', `${name}.${field} must be ${wanted}`);
  }
}
