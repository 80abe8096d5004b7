/** The arithmetic of `mosaic-admin plan`, against cases that can be reckoned by hand. */
import { expect, it } from 'vitest';
import { commitsPerSecond, type Load, planOf } from './plan.ts';

const LOAD: Load = {
  recordsPerSecond: 100,
  recordBytes: 600,
  shares: { outbox: 0.7, inbox: 0.2, encryption: 0.1 },
  users: 1_000,
  connections: 5_000,
  queriesPerSecond: 50,
  recordsPerQuery: 20,
  uncached: 0.1,
  deliveriesPerRecord: 5,
  days: 30,
  peak: 3,
  putMs: 30,
  isCompacted: false,
  redisMasterBytes: 64 * 2 ** 30,
  prices: { gigabyteMonth: 0.02, thousandPuts: 0.005, thousandGets: 0.0004 },
};

it('stores a lone record by itself, and no oftener than interval and store let', () => {
  expect(commitsPerSecond(0, 30)).toBe(0);
  expect(commitsPerSecond(0.01, 30)).toBeCloseTo(0.01, 4);
  expect(commitsPerSecond(100_000, 5)).toBeCloseTo(100, 6);
  expect(commitsPerSecond(100_000, 50)).toBeCloseTo(20, 6);
});

/** Commits of a worker that records reach by chance, counted one by one. */
function countedCommits(rate: number, busySeconds: number, records: number): number {
  // A generator of the Lehmer kind, so that every run counts the same.
  let state = 20_261_129;
  let now = 0;
  let freeAt = 0;
  let isWaiting = false;
  let commits = 0;
  for (let i = 0; i < records; i++) {
    state = (state * 48_271) % 2_147_483_647;
    now -= Math.log(state / 2_147_483_647) / rate;
    if (isWaiting && now >= freeAt) {
      // What gathered went when the commit before was done.
      commits += 1;
      freeAt += busySeconds;
      isWaiting = false;
    }
    if (now >= freeAt) {
      commits += 1;
      freeAt = now + busySeconds;
    } else isWaiting = true;
  }
  return commits / now;
}

it.each([1, 5, 20, 100, 1_000])('foretells the commits that %d records a second make', (rate) => {
  const counted = countedCommits(rate, 0.03, 100_000);
  const foretold = commitsPerSecond(rate, 30);
  expect(Math.abs(foretold / counted - 1)).toBeLessThan(0.02);
});

it('reckons memory and bytes by the record', () => {
  const { recordsHeld, redis, objects } = planOf(LOAD);
  expect(recordsHeld).toBe(100 * 86_400 * 30);
  expect(redis.bytes).toBe(recordsHeld * 285 + 1_000 * 62 + 10_000 * 200);
  expect(redis.maxmemoryBytes).toBeGreaterThan(redis.bytes);
  const masters = redis.maxmemoryBytes / LOAD.redisMasterBytes;
  expect(redis.count).toBe(Math.ceil(masters));
  expect(redis.count).toBeGreaterThan(1);
  expect(objects.bytesHeld).toBeCloseTo(recordsHeld * 624 + objects.segmentsHeld * 128, 0);
});

it('counts requests to the object store, and what they cost', () => {
  const { objects, cost, workers } = planOf(LOAD);
  const month = 86_400 * 30;
  const puts = (['outbox', 'inbox', 'encryption'] as const).map((role) => {
    const { count } = workers[role];
    return count * commitsPerSecond((100 * LOAD.shares[role]) / count, LOAD.putMs);
  });
  const putsPerSecond = puts.reduce((a, b) => a + b);
  expect(objects.putsPerMonth).toBeCloseTo(putsPerSecond * month, 0);
  expect(objects.segmentsHeld).toBe(objects.putsPerMonth);
  expect(objects.recordsPerSegment).toBeCloseTo(100 / putsPerSecond, 6);
  expect(objects.getsPerMonth).toBe(50 * 20 * 0.1 * month);
  expect(cost.puts).toBeCloseTo((objects.putsPerMonth / 1000) * 0.005, 6);
  expect(cost.gets).toBeCloseTo((objects.getsPerMonth / 1000) * 0.0004, 6);
  expect(cost.storage).toBeCloseTo((objects.bytesHeld / 1e9) * 0.02, 6);
});

it('reckons with large segments where small ones are joined', () => {
  const year = { ...LOAD, days: 365, recordsPerSecond: 1 };
  const plain = planOf(year);
  const compacted = planOf({ ...year, isCompacted: true });
  const { segmentsHeld, bytesHeld, recordsPerSegment } = compacted.objects;
  const perDay = plain.objects.segmentsHeld / 365;
  expect(segmentsHeld - 2 * perDay).toBeCloseTo((363 * 86_400 * 624) / 2 ** 20 / 24, -1);
  expect(recordsPerSegment).toBeGreaterThan(50 * plain.objects.recordsPerSegment);
  expect(bytesHeld).toBeLessThan(plain.objects.bytesHeld);
  expect(compacted.objects.getsPerMonth - plain.objects.getsPerMonth).toBeCloseTo(30 * perDay, 0);
  expect(compacted.rebuildCoreHours).toBeLessThan(plain.rebuildCoreHours / 10);
  expect(planOf({ ...year, days: 1, isCompacted: true }).objects.segmentsHeld).toBeCloseTo(perDay);
});

it('plans two of each even for nothing, and an end to the search for enough workers', () => {
  const idle = planOf({ ...LOAD, recordsPerSecond: 0, queriesPerSecond: 0, connections: 0 });
  expect(idle.gateways).toEqual({ count: 2, cores: 0 });
  expect(idle.workers.outbox).toEqual({ count: 2, cores: 0 });
  expect(idle.redis.count).toBe(1);
  expect(idle.objects.recordsPerSegment).toBe(0);
  expect(idle.nats.bytesInPerSecond).toBe(0);
  const busy = planOf({ ...LOAD, recordsPerSecond: 1_000_000 });
  expect(busy.workers.outbox.count).toBeGreaterThan(1_000_000 * 3 * 0.7 * 225e-6);
  expect(busy.workers.outbox.cores / busy.workers.outbox.count).toBeLessThanOrEqual(0.6);
});

it('keeps room for the connections of a gateway that goes', () => {
  const { gateways } = planOf({ ...LOAD, connections: 45_000 });
  expect(gateways.count).toBe(6);
});

it('sends live records to no more gateways than there are', () => {
  const quiet = planOf({ ...LOAD, queriesPerSecond: 0, deliveriesPerRecord: 0 });
  expect(quiet.nats.bytesOutPerSecond).toBe(300 * 800);
  expect(quiet.nats.bytesInPerSecond).toBe(2 * 300 * 800);
  const heard = planOf({ ...LOAD, queriesPerSecond: 0, deliveriesPerRecord: 1_000 });
  expect(heard.nats.bytesOutPerSecond).toBe(300 * 800 * (1 + heard.gateways.count));
});
