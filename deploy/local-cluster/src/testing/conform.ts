/** Holds a gateway of a cluster to the conformance suite. */
import {
  allChecks,
  type CheckResult,
  findFacts,
  parseTarget,
  resultLine,
  runChecks,
} from '@mosaic-cluster/conformance';
import { expect } from 'vitest';

const TIMEOUT_MS = 20_000;
const CONCURRENCY = 12;
/** What a client without a certificate cannot try is less than this leaves. */
const PASSED_MIN = 200;

/** Runs every check; nothing may fail. @param second another way to the same server */
export async function expectConformance(
  url: string,
  second: string,
  serverKeyHex: string,
): Promise<void> {
  const server = await findFacts(
    {
      target: parseTarget(url, serverKeyHex, false),
      second: parseTarget(second, serverKeyHex, false),
      registered: [],
      extensions: [],
    },
    TIMEOUT_MS,
  );
  const results = await runChecks({
    checks: allChecks,
    server,
    timeoutMs: TIMEOUT_MS,
    concurrency: CONCURRENCY,
  });
  const those = (outcome: CheckResult['outcome']): CheckResult[] =>
    results.filter((result) => result.outcome === outcome);
  expect(those('failed').map(resultLine)).toEqual([]);
  expect(those('passed').length).toBeGreaterThan(PASSED_MIN);
}
