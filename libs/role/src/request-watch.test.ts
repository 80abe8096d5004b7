/** What a worker says of a request: to the gateway with the answer, and in its log where it was slow. */
import type { CallContext, CallReport } from '@mosaic-cluster/bus';
import { noTracer, silentLogger, SlowLog } from '@mosaic-cluster/runtime';
import { expect, test } from 'vitest';
import { CommitWatch } from './commit-watch.ts';
import { RequestWatcher } from './request-watch.ts';

interface Heard {
  readonly reports: CallReport[];
  readonly lines: [message: string, fields: Readonly<Record<string, unknown>>][];
  readonly call: CallContext;
}

function hearing(): Heard {
  const reports: CallReport[] = [];
  const answered = (report: CallReport): void => void reports.push(report);
  return { reports, lines: [], call: { requestId: 'k3f9x-1', trace: undefined, answered } };
}

function watcherOf({ lines }: Heard, afterMs: number): RequestWatcher {
  const log = {
    ...silentLogger,
    warn: (message: string, fields = {}): void => void lines.push([message, fields]),
  };
  const slow = new SlowLog({ log, afterMs });
  return new RequestWatcher({ role: 'outbox', tracer: noTracer, slow, worker: 'host/7' });
}

test('a report has the longest of runs side by side, and the sum of what is done in parts', async () => {
  const heard = hearing();
  await watcherOf(heard, 0).follow('submit', 2, heard.call, async (watch) => {
    for (const ms of [30, 50, 40]) watch.took('verify', ms);
    await watch.adding('find', async () => {});
    await watch.adding('find', async () => {});
    const commit = new CommitWatch(noTracer, [watch, undefined], 2);
    await commit.during('append', async () => watch.took('append', 900));
    commit.end();
  });
  expect(heard.reports).toMatchObject([
    { worker: 'host/7', steps: { verify: 50, append: 900, find: expect.any(Number) as number } },
  ]);
  expect(heard.lines).toEqual([]);
});

test('one that fails is reported and told like any other, and its error goes to the caller', async () => {
  const heard = hearing();
  const error = new Error('Redis is away');
  const failing = watcherOf(heard, 1).follow('query', 64, heard.call, async (watch) => {
    // Long enough to count as slow, by whatever clock.
    const since = performance.now();
    while (performance.now() - since < 2) await new Promise((resolve) => setImmediate(resolve));
    return watch.during('judge', () => Promise.reject(error));
  });
  await expect(failing).rejects.toBe(error);
  expect(heard.reports).toHaveLength(1);
  expect(heard.lines).toMatchObject([
    [
      expect.stringMatching(/^slow query of outbox: \d+ ms/),
      { request: 'k3f9x-1', worker: 'host/7', wanted: 64, error },
    ],
  ]);
});
