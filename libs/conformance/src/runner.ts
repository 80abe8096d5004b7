/** Runs checks, some at a time, and says of each how it went as soon as it is known. */
import { isMosaicError } from '@mosaic-cluster/protocol';
import { type Check, CheckFailure, CheckSkip } from './check.ts';
import { runCheck } from './check-context.ts';
import type { ServerFacts } from './server-facts.ts';

/** How a check went. */
export interface CheckResult {
  readonly check: Check;
  readonly outcome: 'passed' | 'failed' | 'skipped';
  /** What was expected and came instead, or why the check cannot run; undefined where it passed. */
  readonly detail: string | undefined;
  readonly durationMs: number;
}

/** How checks are run. */
export interface RunOptions {
  readonly checks: readonly Check[];
  readonly server: ServerFacts;
  /** For each answer that a check waits for. */
  readonly timeoutMs: number;
  /** Checks at a time. */
  readonly concurrency: number;
  /** Told of each result, in the order in which they come. */
  readonly onResult?: (result: CheckResult) => void;
}

/** A check that takes this many timeouts hangs. */
const TIMEOUTS_MAX = 6;

/**
 * Runs checks.
 *
 * @returns one result a check, in the order of the checks
 */
export async function runChecks(options: RunOptions): Promise<CheckResult[]> {
  const { checks, concurrency, onResult } = options;
  const results: CheckResult[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < checks.length) {
      const place = next++;
      const result = await runOne(checks[place]!, options);
      results[place] = result;
      onResult?.(result);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, concurrency) }, work));
  return results;
}

async function runOne(check: Check, { server, timeoutMs }: RunOptions): Promise<CheckResult> {
  const startMs = performance.now();
  const done = (outcome: CheckResult['outcome'], detail?: string): CheckResult => {
    return { check, outcome, detail, durationMs: Math.round(performance.now() - startMs) };
  };
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<never>((_resolve, reject) => {
    const limitMs = TIMEOUTS_MAX * timeoutMs;
    const late = new CheckFailure(`the check was not over after ${limitMs} ms`);
    timer = setTimeout(() => reject(late), limitMs);
  });
  try {
    await Promise.race([runCheck(check, server, timeoutMs), hang]);
    return done('passed');
  } catch (error) {
    if (error instanceof CheckSkip) return done('skipped', error.message);
    return done('failed', describeError(error));
  } finally {
    clearTimeout(timer);
  }
}

function describeError(error: unknown): string {
  if (error instanceof CheckFailure) return error.message;
  if (isMosaicError(error)) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
