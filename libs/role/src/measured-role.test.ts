/** What a worker's request metrics say: each request once, failures and what is under way apart. */
import type { RoleService } from '@mosaic-cluster/bus';
import { Metrics } from '@mosaic-cluster/runtime';
import { expect, test } from 'vitest';
import { defineRequestMetrics } from './measured-role.ts';

const ROLE = 'role="outbox"';

async function valueOf(metrics: Metrics, series: string): Promise<number> {
  const line = (await metrics.render()).split('\n').find((each) => each.startsWith(`${series} `));
  return Number(line?.slice(series.length + 1));
}

test('a measured role answers as the role does, and every request is counted once', async () => {
  const metrics = new Metrics({ service: 'test', version: '0' });
  let answer = (): void => {};
  const service: RoleService = {
    submit: async (submissions) => submissions.map(() => 2 as const),
    query: () => Promise.reject(new Error('away')),
    get: () =>
      new Promise((resolve) => {
        answer = () => resolve({ records: [], cursor: undefined } as never);
      }),
    identities: async (key) => [key],
  };
  const measured = defineRequestMetrics(metrics, ['outbox'])('outbox', service);
  const one = {} as never;
  await expect(measured.submit([one, one, one])).resolves.toEqual([2, 2, 2]);
  await expect(measured.query(one)).rejects.toThrow('away');
  const getting = measured.get(one);
  const counted = (request: string): string =>
    `mosaic_role_request_duration_seconds_count{${ROLE},request="${request}"}`;
  const failed = `mosaic_role_request_failures_total{${ROLE},request="query"}`;
  const inFlight = `mosaic_role_requests_in_flight{${ROLE}}`;
  expect(await valueOf(metrics, inFlight)).toBe(1);
  answer();
  await getting;
  const after = [inFlight, failed, ...['submit', 'query', 'get', 'identities'].map(counted)];
  const values = await Promise.all(after.map((series) => valueOf(metrics, series)));
  expect(values).toEqual([0, 1, 1, 1, 1, 0]);
  const batch = `mosaic_role_submission_batch_records_bucket{le="2",${ROLE}}`;
  expect(await valueOf(metrics, batch)).toBe(0);
  expect(await valueOf(metrics, batch.replace('"2"', '"4"'))).toBe(1);
});
