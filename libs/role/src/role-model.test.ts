/** Any history of a server, on real storage, against lists that are searched from end to end. */
import type { RoleName } from '@mosaic-cluster/bus';
import type { RecordView } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aHistory, MASTERS, type Step } from '../testing/histories.ts';
import { ModelRoles } from '../testing/model-roles.ts';
import { moderatedPolicy, openPolicy, privatePolicy } from '../testing/policies.ts';
import { TestRoles } from '../testing/test-roles.ts';
import { present } from '../testing/present.ts';

const STRANGER = present(MASTERS[2]).key;
const POLICIES = { outbox: openPolicy, inbox: moderatedPolicy, encryption: privatePolicy };

async function live(history: readonly Step[], names: readonly RoleName[]): Promise<void> {
  const isStranger = (key: Uint8Array): boolean => Buffer.compare(key, STRANGER) === 0;
  const roles = await TestRoles.open({
    policies: names.map((name) => POLICIES[name]),
    users: { knows: (key) => !isStranger(key) },
  });
  const model = new ModelRoles([STRANGER]);
  const seen: RecordView[] = [];
  try {
    for (const step of history) {
      roles.now += 1n;
      model.now = roles.now;
      await take(step, roles, model, seen);
    }
    expect(roles.failures).toEqual([]);
  } finally {
    await roles.close();
  }
}

async function take(
  step: Step,
  roles: TestRoles,
  model: ModelRoles,
  seen: RecordView[],
): Promise<void> {
  switch (step.step) {
    case 'submit': {
      const expected = step.records.map((record) => model.submit(step.role, record));
      expect(await roles.submit(step.role, step.records)).toEqual(expected);
      seen.push(...step.records);
      return;
    }
    case 'query': {
      const { role, filter, reader, budget } = step;
      const expected = model.query(role, filter, reader?.key);
      expect(await roles.query(role, filter, reader?.key, budget)).toEqual(expected);
      return;
    }
    case 'get': {
      if (seen.length === 0) return;
      const { role, reader, budget } = step;
      const references = step.picks.map(({ pick, isAddress }) => {
        const record = present(seen[pick % seen.length]);
        return isAddress ? record.address : record.id;
      });
      const expected = model.get(role, references, reader?.key);
      expect(await roles.get(role, references, reader?.key, budget)).toEqual(expected);
      return;
    }
    default:
      await roles.restart(step.step === 'rebuild');
  }
}

describe('roles, held to a naive model', () => {
  it('give the same answers after any history of all three', { timeout: 180_000 }, async () => {
    const names: RoleName[] = ['outbox', 'inbox', 'encryption'];
    await fc.assert(
      fc.asyncProperty(aHistory(names, false), (history) => live(history, names)),
      { numRuns: 100 },
    );
  });

  it('give the same answers after the index is made anew', { timeout: 180_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(aHistory(['outbox'], true), (history) => live(history, ['outbox'])),
      { numRuns: 100 },
    );
  });
});
