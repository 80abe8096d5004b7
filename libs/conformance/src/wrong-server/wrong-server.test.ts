/**
 * Wrong servers, each right but for one rule, must fail exactly the checks of that rule. Here every
 * one of them meets some of those and some others; the slow test beside this one runs them all.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StandaloneServer, startStandaloneServer } from '../../testing/standalone-server.ts';
import { failuresOf, expectedFailures, someChecks } from '../../testing/wrong-servers.ts';
import { faults } from './faults.ts';

let server: StandaloneServer;

beforeAll(async () => {
  server = await startStandaloneServer();
});

afterAll(async () => {
  await server?.close();
});

describe('a wrong server', () => {
  it('has its expected failures written down', () => {
    expect(Object.keys(expectedFailures).sort()).toEqual(faults.map(({ name }) => name).sort());
    expect(faults.length).toBeGreaterThanOrEqual(12);
  });

  it.each(faults.map((fault) => [fault.title, fault] as const))(
    'that %s fails the checks of that rule and no other',
    { timeout: 120_000 },
    async (_title, fault) => {
      const { failing, passing } = someChecks(fault.name);
      const failed = await failuresOf(server, fault, [...failing, ...passing]);
      expect(failed).toEqual(failing.map(({ name }) => name).sort());
    },
  );
});
