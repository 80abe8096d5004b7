/** Readiness decides over traffic: it must be neither fooled by a hang nor add to an outage. */
import { describe, expect, it } from 'vitest';

import { createLogger } from './log.ts';
import { silentLogger } from './logger.ts';
import { Readiness, type ReadinessCheck } from './readiness.ts';

const fine: ReadinessCheck = { name: 'nats', check: () => Promise.resolve() };
const broken: ReadinessCheck = {
  name: 'redis',
  check: () => Promise.reject(new Error('connection refused')),
};

function readiness(checks: ReadinessCheck[], checkTimeoutMs = 1000, now?: () => number): Readiness {
  const options = { checkTimeoutMs, log: silentLogger };
  const result = new Readiness(now === undefined ? options : { ...options, now });
  for (const check of checks) result.addCheck(check);
  result.setState('serving');
  return result;
}

describe('readiness', () => {
  it('is what all checks agree on', async () => {
    await expect(readiness([]).report()).resolves.toMatchObject({ isReady: true });
    await expect(readiness([fine]).report()).resolves.toMatchObject({ isReady: true });
    await expect(readiness([fine, broken]).report()).resolves.toEqual({
      isReady: false,
      state: 'serving',
      waitingFor: [{ name: 'redis', reason: 'connection refused' }],
      notes: [],
    });
  });

  it('asks nothing before the start and while draining', async () => {
    let asked = 0;
    const counting = { name: 'x', check: () => Promise.resolve((asked += 1)) };
    const subject = new Readiness({ checkTimeoutMs: 1000, log: silentLogger });
    subject.addCheck(counting);
    await expect(subject.report()).resolves.toMatchObject({ isReady: false, state: 'starting' });
    subject.setState('draining');
    await expect(subject.report()).resolves.toMatchObject({ isReady: false, state: 'draining' });
    expect(asked).toBe(0);
  });

  it('says what the start waits for, until it no longer does', async () => {
    const subject = new Readiness({ checkTimeoutMs: 1000, log: silentLogger });
    subject.startWaits('redis', 'connection refused');
    const waitingFor = [{ name: 'redis', reason: 'connection refused' }];
    await expect(subject.report()).resolves.toEqual({
      isReady: false,
      state: 'starting',
      waitingFor,
      notes: [],
    });
    subject.startWaits('redis');
    await expect(subject.report()).resolves.toMatchObject({ waitingFor: [] });
    subject.startWaits('redis', 'connection refused');
    subject.setState('serving');
    await expect(subject.report()).resolves.toMatchObject({ isReady: true, waitingFor: [] });
  });

  it('tells what there is to say besides, ready or not', async () => {
    const subject = readiness([fine]);
    let note: string | undefined = 'answers lack records';
    subject.addNote({ name: 'index', note: () => note });
    const notes = [{ name: 'index', reason: 'answers lack records' }];
    await expect(subject.report()).resolves.toMatchObject({ isReady: true, notes });
    note = undefined;
    await expect(subject.report()).resolves.toMatchObject({ isReady: true, notes: [] });
  });

  it('is not ready when draining begins while checks run', async () => {
    const subject: Readiness = readiness([
      { name: 'x', check: async () => subject.setState('draining') },
    ]);
    await expect(subject.report()).resolves.toMatchObject({ isReady: false, state: 'draining' });
  });

  it('runs checks side by side, and once for all who ask meanwhile', async () => {
    const started: string[] = [];
    let finish: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const gated = (name: string): ReadinessCheck => ({
      name,
      check: () => {
        started.push(name);
        return gate;
      },
    });
    const subject = readiness([gated('a'), gated('b')]);
    const reports = [subject.report(), subject.report(), subject.report()];
    expect(started).toEqual(['a', 'b']);
    finish();
    for (const report of await Promise.all(reports)) expect(report.isReady).toBe(true);
    expect(started).toEqual(['a', 'b']);
  });

  it('gives up on a check that hangs, and does not pile up more of it', async () => {
    let now = 0;
    let asked = 0;
    let aborted = 0;
    const hanging: ReadinessCheck = {
      name: 'object store',
      check: (signal) => {
        asked += 1;
        signal.addEventListener('abort', () => (aborted += 1));
        return new Promise(() => undefined);
      },
    };
    const subject = readiness([hanging], 5, () => now);
    const first = await subject.report();
    expect(first.waitingFor).toEqual([
      { name: 'object store', reason: 'the check took longer than 5 ms' },
    ]);
    expect([asked, aborted]).toEqual([1, 1]);
    now = 40;
    expect((await subject.report()).waitingFor[0]?.reason).toBe('no answer for 40 ms');
    expect(asked).toBe(1);
    now = 50;
    await subject.report();
    expect(asked).toBe(2);
  });

  it('recovers as soon as a late answer shows that the dependency is back', async () => {
    let finish: () => void = () => undefined;
    let isSlow = true;
    const slow: ReadinessCheck = {
      name: 'slow',
      check: () =>
        isSlow
          ? new Promise<void>((resolve) => {
              finish = resolve;
            })
          : Promise.resolve(),
    };
    const subject = readiness([slow], 5, () => 0);
    expect((await subject.report()).isReady).toBe(false);
    isSlow = false;
    finish();
    await Promise.resolve();
    expect((await subject.report()).isReady).toBe(true);
  });

  it('logs changes, not probes', async () => {
    const lines: string[] = [];
    const sink = { write: (line: string) => void lines.push(line) };
    const log = createLogger({ service: 'x', format: 'json', sink });
    let isUp = false;
    const subject = new Readiness({ checkTimeoutMs: 1000, log });
    subject.addCheck({
      name: 'redis',
      check: () => (isUp ? Promise.resolve() : Promise.reject(new Error('refused'))),
    });
    subject.setState('serving');
    for (let probe = 0; probe < 3; probe += 1) await subject.report();
    isUp = true;
    for (let probe = 0; probe < 3; probe += 1) await subject.report();
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('not ready: waiting for redis');
    expect(lines[0]).toContain('refused');
    expect(lines[1]).toContain('"ready"');
  });

  it('takes no check twice, and not too many', () => {
    const subject = readiness([fine]);
    expect(() => subject.addCheck(fine)).toThrow('nats exists');
    for (let index = 1; index < 32; index += 1) subject.addCheck({ ...fine, name: `c${index}` });
    expect(() => subject.addCheck(broken)).toThrow('more than 32');
  });
});
