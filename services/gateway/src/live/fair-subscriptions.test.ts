/** Whoever makes a gateway look in storage pays for it, and waits for his own searches first. */
import { testControl } from '@mosaic-cluster/abuse/testing';
import { RESULT } from '@mosaic-cluster/protocol';
import { fakeKey, fakeRecord } from '@mosaic-cluster/protocol/testing';
import { expect, test } from 'vitest';
import { BY_AUTHOR, lossyGateway, now, pass, store } from '../../testing/lossy-gateway.ts';
import { quiet, TestGateway } from '../../testing/test-gateway.ts';

const ABUSER = '203.0.113.1';
const HONEST = '203.0.113.2';
const MANY = 60;

test('somebody with many subscriptions lets others have their turn', async () => {
  const gateway = lossyGateway({ catchUpsActiveMax: 3, catchUpsSharedMax: 2 });
  for (const n of [1, 2]) {
    const abuser = gateway.connect(undefined, ABUSER);
    for (let id = 0; id < MANY / 2; id++) {
      abuser.subscribe(id, [{ name: 'authors', keys: [fakeKey(100 * n + id)] }]);
    }
    await abuser.story();
  }
  const honest = gateway.connect(undefined, HONEST);
  honest.subscribe(7, BY_AUTHOR);
  await honest.story();
  let searches = 0;
  let ofHonest: number | undefined;
  let running = 0;
  let most = 0;
  gateway.outbox.gate = async () => {
    searches += 1;
    running += 1;
    most = Math.max(most, running);
    await quiet();
    running -= 1;
  };
  gateway.bus.isLosing = true;
  gateway.outbox.publish(store(gateway, 1));
  for (let second = 0; second < 200 && ofHonest === undefined; second++) {
    await pass(gateway, 1);
    if ((await honest.story()).includes('record 7 1.0')) ofHonest = searches;
  }
  expect(ofHonest).toBeLessThan(MANY / 3);
  expect(most).toBe(3);
  await pass(gateway, 60);
  expect(searches).toBe(MANY + 1);
});

test('a search that a subscription made necessary is paid by who subscribed', async () => {
  const { control, limiter } = testControl('query.*.*=1/h:1000', () => gateway.clock.now());
  const gateway = lossyGateway({}, control);
  const used = async (): Promise<number> => {
    const { usage } = await limiter.report(`a:${HONEST}`, 'anonymous');
    return Math.round(usage.find(({ what }) => what === 'query')!.used);
  };
  const client = gateway.connect(undefined, HONEST);
  client.subscribe(7, BY_AUTHOR);
  await client.story();
  gateway.outbox.scanned = 400;
  await pass(gateway, 10);
  // Of these 8 are for what the bus was asked for: one author.
  expect(await used()).toBe(408);
  // A loss is nobody's fault but the server's.
  gateway.bus.tellGap(now(gateway));
  await pass(gateway, 10);
  expect(gateway.gateway.counters.catchUps).toBe(2);
  expect(await used()).toBe(408);
});

test('who is out of budget waits alone, without earning a ban, and is told in the end', async () => {
  const { control } = testControl('query.*.*=1/h:1000', () => gateway.clock.now());
  const gateway = lossyGateway({}, control);
  const poor = gateway.connect(undefined, ABUSER);
  const rich = gateway.connect(undefined, HONEST);
  for (const client of [poor, rich]) client.subscribe(7, BY_AUTHOR);
  expect([await poor.story(), await rich.story()]).toEqual([['complete 7'], ['complete 7']]);
  gateway.outbox.scanned = 2_000;
  poor.query(8, [{ name: 'authors', keys: [fakeKey(9)] }]);
  await poor.story();
  gateway.outbox.scanned = 0;
  gateway.bus.isLosing = true;
  gateway.outbox.publish(store(gateway, 1));
  await pass(gateway, 10);
  expect(await rich.story()).toEqual(['record 7 1.0']);
  expect(await poor.story()).toEqual([]);
  await pass(gateway, 70);
  expect(await poor.story()).toEqual(['closed 7 TOO_FAST']);
  expect(control.counters.offences['over-budget']).toBe(0);
});

test('who follows what comes often pays for what is sent, and is told when he cannot', async () => {
  const { control } = testControl('query.*.*=1/h:100', () => gateway.clock.now());
  const gateway = new TestGateway({}, undefined, undefined, control);
  const greedy = gateway.connect(undefined, ABUSER);
  const honest = gateway.connect(undefined, HONEST);
  for (let id = 1; id <= 20; id++) greedy.subscribe(id, BY_AUTHOR);
  honest.subscribe(7, BY_AUTHOR);
  await greedy.story();
  await honest.story();
  const told: string[] = [];
  for (let n = 1; n <= 40; n++) {
    gateway.outbox.publish(gateway.outbox.store(fakeRecord({ timestamp: n, payloadBytes: 300 })));
    told.push(...(await greedy.story()));
  }
  const sent = told.filter((line) => line.startsWith('record'));
  // Each costs a quarter of 1, and of 1 for each 256 bytes.
  expect(sent.length).toBeGreaterThan(100);
  expect(sent.length).toBeLessThan(300);
  const closed = told.filter((line) => line.startsWith('closed'));
  expect(closed).toHaveLength(20);
  expect(new Set(closed.map((line) => line.split(' ')[2]))).toEqual(new Set(['TOO_FAST']));
  expect(await honest.story()).toHaveLength(40);
  expect(gateway.gateway.counters.subscriptionsShed['over-budget']).toBe(20);
});

test('what subscriptions wait for is bounded: few cannot take all of it from many', async () => {
  const gateway = new TestGateway({ interestKeysMax: 128 });
  const wide = (first: number, count: number) =>
    [
      {
        name: 'authors',
        keys: Array.from({ length: count }, (_, n) => fakeKey(first + n)),
      },
    ] as const;
  const greedy = gateway.connect(undefined, ABUSER);
  for (let id = 0; id < 10; id++) greedy.subscribe(id, wide(10 * id + 1, 10));
  const refused = (await greedy.story()).filter((line) => line.endsWith('TEMPORARY_ERROR'));
  expect(refused).toEqual([7, 8, 9].map((id) => `closed ${id} TEMPORARY_ERROR`));
  const honest = gateway.connect(undefined, HONEST);
  honest.subscribe(1, wide(1, 2));
  honest.subscribe(2, wide(1, 1));
  expect(await honest.story()).toEqual(['closed 2 TEMPORARY_ERROR', 'complete 1']);
  const { counters } = gateway.gateway;
  expect(counters.interestKeysOpen).toBe(72);
  greedy.socket.handler.closed();
  expect(counters.interestKeysOpen).toBe(2);
  honest.subscribe(3, wide(1, 60));
  expect(await honest.story()).toEqual(['complete 3']);
  expect(counters.queryResults.get(RESULT.TEMPORARY_ERROR)).toBe(4);
});
