/** Runs checks against a wrong server, and knows which of them must fail. */
import { readFileSync } from 'node:fs';
import { allChecks } from '../src/all-checks.ts';
import type { Check } from '../src/check.ts';
import { runChecks } from '../src/runner.ts';
import { findFacts } from '../src/server-facts.ts';
import { parseTarget } from '../src/target.ts';
import type { Fault } from '../src/wrong-server/fault.ts';
import { startWrongServer } from '../src/wrong-server/proxy.ts';
import type { StandaloneServer } from './standalone-server.ts';

/** Names of the checks that fail, by fault; sorted. */
export const expectedFailures: Readonly<Record<string, readonly string[]>> = JSON.parse(
  readFileSync(new URL('expected-failures.json', import.meta.url), 'utf8'),
) as Record<string, string[]>;

/** Much more than an answer takes, so that only what never comes is missed. */
const TIMEOUT_MS = 5_000;
const CONCURRENCY = 8;
/** Of the checks that fail, and of those that pass, so many are run where not all are. */
const FAILING = 6;
const PASSING = 24;
/** Too long for a run of some checks. */
const LONG = new Set([
  'query/limit-zero',
  'query/large-records',
  'query/random-filters',
  'subscribe/seam',
]);

/** Checks that a fault must make fail, and checks that it must not, both spread over all areas. */
export function someChecks(fault: string): { failing: Check[]; passing: Check[] } {
  const names = new Set(expectedFailures[fault]);
  const short = allChecks.filter(({ name }) => !LONG.has(name) && !name.startsWith('two-urls/'));
  return {
    failing: spread(
      short.filter(({ name }) => names.has(name)),
      FAILING,
    ),
    passing: spread(
      short.filter(({ name }) => !names.has(name)),
      PASSING,
    ),
  };
}

function spread<T>(all: readonly T[], count: number): T[] {
  const step = Math.max(1, all.length / count);
  const places = Array.from({ length: Math.min(count, all.length) }, (_, i) =>
    Math.floor(i * step),
  );
  return places.map((place) => all[place]!);
}

/** Names of the checks that fail against a server with a fault; sorted. */
export async function failuresOf(
  { uwsUrl, serverKeyHex }: StandaloneServer,
  fault: Fault,
  checks: readonly Check[],
): Promise<string[]> {
  const wrong = await startWrongServer(parseTarget(uwsUrl, serverKeyHex, false), fault);
  try {
    const target = parseTarget(wrong.url, undefined, true);
    const hints = { target, second: undefined, registered: [], extensions: [] };
    const server = await findFacts(hints, TIMEOUT_MS);
    const options = { checks, server, timeoutMs: TIMEOUT_MS, concurrency: CONCURRENCY };
    const results = await runChecks(options);
    const failed = results.filter(({ outcome }) => outcome === 'failed');
    return failed.map(({ check }) => check.name).sort();
  } finally {
    await wrong.close();
  }
}
