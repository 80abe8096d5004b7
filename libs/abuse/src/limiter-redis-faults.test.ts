/** The shared limiter while Redis is frozen, gone or emptied, processes die, and floods come. */
import { openRedis, type RedisConnection } from '@mosaic-cluster/store';
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Limiter } from './limiter.ts';
import { systemClock } from './limiter-clock.ts';
import {
  chargeOf,
  freshSubject,
  meet,
  openOf,
  PATIENT,
  spendAll,
  TEST_BUDGETS,
  TEST_PENALTIES,
} from './limiter-contract.ts';
import { openRedisLimiter, type RedisLimiterOptions } from './limiter-redis.ts';

let server: RedisServer;
let connection: RedisConnection;
beforeAll(async () => {
  server = await startRedis();
  connection = await openRedis({ urls: [server.url], commandTimeoutMs: 500 });
}, 120_000);
afterAll(async () => {
  await connection.close();
  await server.stop();
});

/** What went over a connection, and whether anything still does. */
interface Wire extends RedisConnection {
  calls: number;
  bytes: number;
  open: number;
  openMost: number;
  isCut: boolean;
  /** Answers wait for it. */
  gate: Promise<void>;
}

function wire(): Wire {
  const it: Wire = {
    calls: 0,
    bytes: 0,
    open: 0,
    openMost: 0,
    isCut: false,
    gate: Promise.resolve(),
    keyPrefix: connection.keyPrefix,
    check: () => connection.check(),
    close: () => Promise.resolve(),
    run: async (calls) => {
      if (it.isCut) throw new Error('the process is dead');
      it.calls += calls.length;
      it.bytes += calls.reduce((sum, { args }) => sum + args.join(' ').length, 0);
      it.open += 1;
      it.openMost = Math.max(it.openMost, it.open);
      try {
        const replies = await connection.run(calls);
        await it.gate;
        return replies;
      } finally {
        it.open -= 1;
      }
    },
  };
  return it;
}

const opened: Limiter[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((limiter) => limiter.close()));
  await server.command('FLUSHALL');
});
async function open(options: Partial<RedisLimiterOptions> = {}): Promise<Limiter> {
  const limiter = await openRedisLimiter({
    connection,
    budgets: TEST_BUDGETS,
    penalties: { ...TEST_PENALTIES, firstBanMs: 30_000, longestBanMs: 60_000 },
    ...options,
  });
  opened.push(limiter);
  return limiter;
}

describe('shared limiter', { timeout: 60_000 }, () => {
  it('goes on alone while Redis is frozen, and tells afterwards what was spent', async () => {
    const line = wire();
    const [one, other] = [await open({ connection: line }), await open()];
    const subject = freshSubject();
    await meet(one, subject);
    server.pause();
    try {
      one.charge([chargeOf(subject, 1)]);
      await expect.poll(() => one.fault(), { timeout: 5_000 }).toMatch(/this process alone: /);
      for (let n = 0; n < 20_000; n++) {
        expect(one.charge([chargeOf(freshSubject(), 1)])).toBeUndefined();
      }
      let stranger = '';
      await expect
        .poll(() => {
          stranger = freshSubject();
          return spendAll(one, stranger);
        }, PATIENT)
        .toBeGreaterThanOrEqual(20);
      expect(one.charge([chargeOf(stranger, 20)])).toBeDefined();
      one.spend([chargeOf(subject, 3_000, 'query')]);
      const ban = one.penalize(subject, 20, 'invalid-record');
      expect(one.banOf(subject)).toEqual(ban);
      expect((await one.report(stranger, 'authenticated')).usage).toHaveLength(7);
      await expect(one.pardon(freshSubject())).rejects.toMatchObject({ kind: 'unavailable' });
      expect(line.openMost).toBeLessThan(20);
    } finally {
      server.resume();
    }
    await expect.poll(() => one.fault(), { timeout: 15_000 }).toBeUndefined();
    await expect.poll(() => other.banOf(subject), { timeout: 15_000 }).toMatchObject({ count: 1 });
    await meet(one, subject);
    await meet(other, subject);
    expect(other.allows([chargeOf(subject, 0, 'query')])).toMatchObject({ what: 'query' });
  });

  it('takes an answer that comes late, and is well again', async () => {
    const line = wire();
    const limiter = await open({ connection: line, shards: 1, pollMs: 60_000 });
    let release = (): void => {};
    line.gate = new Promise((resolve) => {
      release = resolve;
    });
    const subjects = Array.from({ length: 600 }, () => freshSubject());
    for (const subject of subjects) limiter.charge([chargeOf(subject)]);
    await expect.poll(() => limiter.fault(), { timeout: 5_000 }).toMatch(/no answer within/);
    release();
    await expect.poll(() => limiter.fault(), { timeout: 5_000 }).toBeUndefined();
    const { usage } = await limiter.report(subjects.at(-1)!, 'authenticated');
    expect(usage).toHaveLength(7);
    const { calls } = line;
    await limiter.close();
    expect(line.calls - calls).toBeLessThan(20);
  });

  it('goes on alone while there is no Redis, opens without it, and finds it again', async () => {
    const one = await open();
    const subject = freshSubject();
    await meet(one, subject);
    await server.kill();
    const other = await open();
    await expect.poll(() => one.fault(), { timeout: 5_000 }).toBeDefined();
    await expect.poll(() => other.fault(), { timeout: 5_000 }).toBeDefined();
    expect(spendAll(one, subject)).toBeGreaterThanOrEqual(20);
    expect(one.hold([subject], 'connections', 'authenticated')).toBeUndefined();
    await server.restart();
    await expect.poll(() => one.fault() ?? other.fault(), { timeout: 15_000 }).toBeUndefined();
    await expect.poll(() => openOf(other, subject), { timeout: 15_000 }).toBe(1);
  });

  it('tells an emptied Redis again what is held and who is banned', async () => {
    const one = await open({ leaseMs: 1_500 });
    const [held, banned] = [freshSubject(), freshSubject()];
    one.hold([held], 'connections', 'authenticated');
    one.penalize(banned, 20, 'invalid-record');
    await meet(one, held);
    await one.bans();
    await server.command('FLUSHALL');
    const other = await open();
    await expect.poll(() => openOf(other, held), { timeout: 5_000 }).toBe(1);
    await expect.poll(() => other.banOf(banned), { timeout: 5_000 }).toBeDefined();
  });

  it('gives back afterwards what was released while Redis was away, however long', async () => {
    const line = wire();
    let skewMs = 0;
    const clock = { ...systemClock, monotonicMs: () => performance.now() + skewMs };
    const [one, other] = [await open({ connection: line, clock }), await open()];
    const subject = freshSubject();
    one.hold([subject], 'connections', 'authenticated');
    await expect.poll(() => openOf(other, subject), PATIENT).toBe(1);
    line.isCut = true;
    one.charge([chargeOf(subject)]);
    await expect.poll(() => one.fault(), PATIENT).toBeDefined();
    one.release([subject], 'connections');
    skewMs = 60_000;
    for (let n = 0; n < 50; n++) one.charge([chargeOf(freshSubject())]);
    line.isCut = false;
    await expect.poll(() => openOf(other, subject), PATIENT).toBe(0);
  });

  it('forgets what a process held that died', async () => {
    const line = wire();
    const [one, other] = [await open({ connection: line, leaseMs: 600 }), await open()];
    const subject = freshSubject();
    one.hold([subject], 'connections', 'authenticated');
    await expect.poll(() => openOf(other, subject), PATIENT).toBe(1);
    line.isCut = true;
    const survivor = await open({ leaseMs: 600 });
    await expect.poll(() => openOf(survivor, subject), { timeout: 5_000 }).toBe(0);
  });

  it('sends next to nothing for a flood that is refused', async () => {
    const line = wire();
    const limiter = await open({ connection: line, pollMs: 60_000 });
    const subject = freshSubject();
    await meet(limiter, subject);
    spendAll(limiter, subject);
    await limiter.report(subject, 'authenticated');
    const { calls, bytes } = line;
    for (let n = 0; n < 100; n++) {
      for (let k = 0; k < 1_000; k++) {
        // Beyond what comes back meanwhile.
        if (limiter.charge([chargeOf(subject, 20)]) !== undefined) {
          limiter.noteRefusal(subject, 'submissions');
        }
      }
      await new Promise(setImmediate);
    }
    const { refused } = await limiter.report(subject, 'authenticated');
    expect(refused.get('submissions')).toBeGreaterThan(50_000);
    expect(line.calls - calls).toBeLessThan(100);
    expect(line.bytes - bytes).toBeLessThan(10_000);
  });

  it('leaves no key that does not expire by itself, and soon', async () => {
    const limiter = await open({ leaseMs: 1_000 });
    const subjects = Array.from({ length: 50 }, () => freshSubject());
    for (const subject of subjects) {
      limiter.charge([chargeOf(subject, 1)]);
      limiter.hold([subject], 'connections', 'authenticated');
    }
    await meet(limiter, ...subjects);
    for (const subject of subjects) limiter.release([subject], 'connections');
    await meet(limiter, ...subjects);
    const script =
      "local n, most = 0, 0 for _, key in ipairs(redis.call('KEYS', '*')) do " +
      "local left = redis.call('PTTL', key) if left < 0 then most = 1e9 end " +
      'if left > most then most = left end n = n + 1 end return n * 1000000 + most';
    const answer = await server.command(`EVAL "${script}" 0`);
    const found = Number(answer.slice(1));
    expect(Math.trunc(found / 1e6)).toBeGreaterThanOrEqual(50);
    expect(found % 1e6).toBeGreaterThan(0);
    expect(found % 1e6).toBeLessThanOrEqual(10_001);
  });
});
