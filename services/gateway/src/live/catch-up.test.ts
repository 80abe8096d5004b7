/** On a bus that loses records, a subscription still gets each of its records once. */
import type { LiveRecord } from '@mosaic-cluster/bus';
import { MosaicError, timestampFromMillis } from '@mosaic-cluster/protocol';
import { fakeRecord } from '@mosaic-cluster/protocol/testing';
import { describe, expect, test } from 'vitest';
import { LossyBus } from '../../testing/lossy-bus.ts';
import {
  BY_AUTHOR,
  DOUBT,
  lossyGateway,
  now,
  pass,
  store,
  subscribed,
} from '../../testing/lossy-gateway.ts';
import { quiet, TestGateway } from '../../testing/test-gateway.ts';

describe('a subscription', () => {
  test('gets what was published before its interest was known everywhere', async () => {
    const gateway = lossyGateway();
    gateway.bus.spreadMs = 4_000;
    const client = await subscribed(gateway);
    gateway.outbox.publish(store(gateway, 1));
    await pass(gateway, 3);
    expect(await client.story()).toEqual([]);
    await pass(gateway, 3);
    expect(await client.story()).toEqual(['record 7 1.0']);
    gateway.outbox.publish(store(gateway, 2));
    expect(await client.story()).toEqual(['record 7 2.0']);
    await pass(gateway, 120);
    expect(await client.story()).toEqual([]);
    expect(gateway.gateway.counters).toMatchObject({ catchUps: 1, recordsCaughtUp: 1 });
    expect(gateway.clock.scheduled).toBe(0);
  });

  test('gets it where the clocks of workers are behind, which shows only later', async () => {
    const doubt = { ...DOUBT };
    const gateway = new TestGateway({}, undefined, (clock) => new LossyBus(clock, doubt));
    const behindMs = 40_000;
    doubt.marginMs += behindMs;
    gateway.bus.spreadMs = 4_000;
    const client = await subscribed(gateway);
    const lost = (timestamp: number): LiveRecord => {
      const receivedAt = timestampFromMillis(gateway.clock.now() - behindMs);
      return gateway.outbox.store(fakeRecord({ timestamp }), { receivedAt });
    };
    gateway.outbox.publish(lost(1));
    await pass(gateway, 6);
    expect(await client.story()).toEqual(['record 7 1.0']);
    gateway.bus.isLosing = true;
    gateway.outbox.publish(lost(2));
    gateway.bus.tellGap(timestampFromMillis(gateway.clock.now() - behindMs - 10_000));
    await pass(gateway, 2);
    expect(await client.story()).toEqual(['record 7 2.0']);
  });

  test('with a limit gets no older records by it', async () => {
    const gateway = lossyGateway();
    for (let timestamp = 1; timestamp <= 5; timestamp++) store(gateway, timestamp);
    gateway.clock.advance(1);
    const client = gateway.connect();
    client.subscribe(7, BY_AUTHOR, 2);
    expect(await client.story()).toEqual(['record 7 5.0', 'record 7 4.0', 'complete 7']);
    gateway.bus.isLosing = true;
    gateway.outbox.publish(
      gateway.outbox.store(fakeRecord({ timestamp: 0, serial: 9 }), { receivedAt: now(gateway) }),
    );
    await pass(gateway, 10);
    expect(await client.story()).toEqual(['record 7 0.9']);
  });

  test('gets what was lost, oldest first, and nothing that it had', async () => {
    const gateway = lossyGateway();
    const client = await subscribed(gateway);
    await pass(gateway, 30);
    gateway.outbox.publish(store(gateway, 5));
    gateway.bus.isLosing = true;
    const since = now(gateway) - 10_000_000_000n;
    for (const timestamp of [9, 3, 6]) {
      gateway.outbox.publish(store(gateway, timestamp));
      await pass(gateway, 1);
    }
    expect(await client.story()).toEqual(['record 7 5.0']);
    gateway.bus.isLosing = false;
    gateway.bus.tellGap(since);
    gateway.outbox.publish(store(gateway, 7));
    expect(await client.story()).toEqual(['record 7 7.0']);
    await pass(gateway, 2);
    expect(await client.story()).toEqual(['record 7 9.0', 'record 7 3.0', 'record 7 6.0']);
    gateway.bus.tellGap(since);
    await pass(gateway, 2);
    expect(await client.story()).toEqual([]);
    expect(gateway.gateway.counters).toMatchObject({ gaps: 2, recordsCaughtUp: 3 });
  });

  test('waits for a role that fails, and is closed in the end', async () => {
    const gateway = lossyGateway();
    const patient = await subscribed(gateway);
    await pass(gateway, 30);
    let isThere = false;
    gateway.inbox.gate = async () => {
      if (!isThere) throw new MosaicError('unavailable', 'bus-timeout', 'away');
    };
    gateway.bus.tellGap(now(gateway));
    await pass(gateway, 30);
    expect(gateway.gateway.counters.catchUpsFailed).toBeGreaterThan(3);
    isThere = true;
    await pass(gateway, 10);
    expect(await patient.story()).toEqual([]);
    isThere = false;
    gateway.bus.tellGap(now(gateway));
    await pass(gateway, 80);
    expect(await patient.story()).toEqual(['closed 7 TEMPORARY_ERROR']);
    expect(gateway.clock.scheduled).toBe(0);
  });

  test('is closed where nobody remembers whether it had a record', async () => {
    const gateway = lossyGateway({ catchUpIdsMax: 2 });
    const client = await subscribed(gateway);
    await pass(gateway, 30);
    const since = now(gateway);
    gateway.outbox.publish(store(gateway, 1), store(gateway, 2), store(gateway, 3));
    await client.story();
    gateway.bus.tellGap(since);
    await pass(gateway, 3);
    expect(await client.story()).toEqual(['closed 7 TEMPORARY_ERROR']);
    expect(gateway.gateway.counters.subscriptionsShed).toEqual({
      unread: 0,
      missed: 1,
      'over-budget': 0,
    });
  });

  test('is one of a few that look at a time', async () => {
    const gateway = lossyGateway({ catchUpsActiveMax: 2 });
    const clients = await Promise.all(Array.from({ length: 7 }, async () => subscribed(gateway)));
    await pass(gateway, 30);
    let running = 0;
    let most = 0;
    gateway.outbox.gate = async () => {
      running += 1;
      most = Math.max(most, running);
      await quiet();
      running -= 1;
    };
    gateway.bus.isLosing = true;
    gateway.outbox.publish(store(gateway, 1));
    gateway.bus.tellGap(now(gateway));
    await pass(gateway, 20);
    for (const client of clients) expect(await client.story()).toEqual(['record 7 1.0']);
    expect(most).toBe(2);
  });
});
