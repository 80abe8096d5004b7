/** Holds both listeners of the embedded server to every check, and a server with registration. */
import { encodeUserKey } from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StandaloneServer, startStandaloneServer } from '../testing/standalone-server.ts';
import { allChecks } from './all-checks.ts';
import { type Identity, newIdentity } from './identity.ts';
import { resultLine } from './report.ts';
import { type CheckResult, runChecks } from './runner.ts';
import { findFacts } from './server-facts.ts';
import { parseTarget } from './target.ts';

const TIMEOUT_MS = 20_000;
const CONCURRENCY = 8;

let server: StandaloneServer;
let registered: StandaloneServer;
const users: readonly Identity[] = [newIdentity(), newIdentity(), newIdentity()];

beforeAll(async () => {
  server = await startStandaloneServer();
  registered = await startStandaloneServer({
    MOSAIC_ADMISSION: 'registered',
    MOSAIC_USERS: users.map(({ publicKey }) => encodeUserKey(publicKey)).join(','),
  });
});

afterAll(async () => {
  await server?.close();
  await registered?.close();
});

async function checkAll(
  { serverKeyHex }: StandaloneServer,
  url: string,
  second: string,
  served: readonly Identity[] = [],
): Promise<CheckResult[]> {
  const facts = await findFacts(
    {
      target: parseTarget(url, serverKeyHex, false),
      second: parseTarget(second, serverKeyHex, false),
      registered: served,
      extensions: [],
    },
    TIMEOUT_MS,
  );
  return runChecks({
    checks: allChecks,
    server: facts,
    timeoutMs: TIMEOUT_MS,
    concurrency: CONCURRENCY,
  });
}

function lines(results: readonly CheckResult[], outcome: CheckResult['outcome']): string[] {
  return results.filter((result) => result.outcome === outcome).map(resultLine);
}

function skippedNames(results: readonly CheckResult[]): string[] {
  const skipped = results.filter(({ outcome }) => outcome === 'skipped');
  return skipped.map(({ check }) => check.name);
}

describe('the embedded server', () => {
  it('passes every check on the mTLS listener', { timeout: 180_000 }, async () => {
    const results = await checkAll(server, server.mtlsUrl, server.uwsUrl);
    expect(lines(results, 'failed')).toEqual([]);
    expect(skippedNames(results)).toEqual([
      'handshake/service-url',
      'handshake/extensions-order',
      'admission/stranger-refused',
      'admission/user-accepted',
    ]);
  });

  it('passes every check on the uWS listener', { timeout: 180_000 }, async () => {
    const results = await checkAll(server, server.uwsUrl, server.mtlsUrl);
    expect(lines(results, 'failed')).toEqual([]);
    // What else is skipped there asks for a client certificate, which uWS cannot.
    const others = lines(results, 'skipped').filter((line) => !line.includes('client certificate'));
    expect(others).toHaveLength(4);
  });

  it('passes with registration', { timeout: 180_000 }, async () => {
    const results = await checkAll(registered, registered.mtlsUrl, registered.uwsUrl, users);
    expect(lines(results, 'failed')).toEqual([]);
    expect(skippedNames(results)).not.toContain('admission/stranger-refused');
  });
});
