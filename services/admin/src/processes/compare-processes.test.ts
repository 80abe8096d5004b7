/** Where processes go by different rules: found, said in words, and nothing said where they are alike. */
import { parseBudgets, type ProcessReport } from '@mosaic-cluster/abuse';
import { expect, it } from 'vitest';
import { differences, differenceText, usualBudgets } from './compare-processes.ts';

let pids = 0;

function process(service: string, more: Partial<ProcessReport> = {}): ProcessReport {
  const where = { host: 'here', pid: (pids += 1), startedAtMs: 0 };
  return {
    process: { service, version: '1', ...where },
    rules: { MOSAIC_LIMITS: 'true', MOSAIC_FUTURE_MAX: '15m' },
    budgets: parseBudgets(''),
    users: { count: 0, digest: 'e3', known: [] },
    limiter: null,
    ...more,
  };
}

const said = (...reports: readonly ProcessReport[]): string[] =>
  differences(reports).map(differenceText);

it('finds nothing where all are alike, each service by itself', () => {
  const rules = { MOSAIC_LIMITS: 'true', MOSAIC_ACCEPT: 'inbox.bytes=1KiB' };
  expect(said(process('gateway'), process('gateway'), process('inbox', { rules }))).toEqual([]);
  expect(said()).toEqual([]);
});

it('names what differs, and who has it', () => {
  pids = 0;
  const rules = { MOSAIC_LIMITS: 'true', MOSAIC_BAN_THRESHOLD: '50' };
  const usual = { MOSAIC_LIMITS: 'true', MOSAIC_BAN_THRESHOLD: '100' };
  const lines = said(
    process('gateway', { rules: usual }),
    process('gateway', { rules: usual }),
    process('gateway', { rules, budgets: parseBudgets('messages.key.attested=1/s:2') }),
    process('outbox', { users: { count: 2, digest: 'ab', known: [] } }),
  );
  expect(lines).toEqual([
    '1 of 4 processes have MOSAIC_BUDGETS messages.key.attested=1/s:2 (gateway on here, process 3); the others as most',
    '1 of 4 processes have MOSAIC_USERS 2 users (ab) (outbox on here, process 4); the others nobody',
    '1 of 3 gateway processes have MOSAIC_BAN_THRESHOLD 50 (gateway on here, process 3); the others 100',
  ]);
});

it('takes the budgets that most gateways go by', () => {
  const other = parseBudgets('query.*.*=off');
  const gateways = [process('gateway', { budgets: other }), process('gateway'), process('gateway')];
  const workers = Array.from({ length: 9 }, () => process('outbox', { budgets: other }));
  expect(usualBudgets([...workers, ...gateways])).toEqual(parseBudgets(''));
  expect(usualBudgets(workers)).toEqual(other);
  expect(usualBudgets([])).toBeUndefined();
});
