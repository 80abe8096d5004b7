/** Every wrong server meets every check: exactly the expected ones fail. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StandaloneServer, startStandaloneServer } from '../../testing/standalone-server.ts';
import { expectedFailures, failuresOf } from '../../testing/wrong-servers.ts';
import { allChecks } from '../all-checks.ts';
import type { Fault } from './fault.ts';
import { faults } from './faults.ts';

let server: StandaloneServer;

beforeAll(async () => {
  server = await startStandaloneServer();
});

afterAll(async () => {
  await server?.close();
});

const right: Fault = { name: 'right', title: 'changes nothing', corrupt: () => ({}) };

describe('a wrong server, before all checks', () => {
  it('that changes nothing fails none', { timeout: 120_000 }, async () => {
    expect(await failuresOf(server, right, allChecks)).toEqual([]);
  });

  it.each(faults.map((fault) => [fault.title, fault] as const))(
    'that %s fails exactly the checks of that rule',
    { timeout: 300_000 },
    async (_title, fault) => {
      const failed = await failuresOf(server, fault, allChecks);
      expect(failed).toEqual(expectedFailures[fault.name]);
    },
  );
});
