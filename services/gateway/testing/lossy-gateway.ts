/** A gateway on a bus that loses records, and what tests of catching up do with it. */
import type { AbuseControl } from '@mosaic-cluster/abuse';
import type { LiveRecord } from '@mosaic-cluster/bus';
import {
  type FilterElementInput,
  type Timestamp,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { fakeKey, fakeRecord } from '@mosaic-cluster/protocol/testing';
import { expect } from 'vitest';
import type { GatewayLimits } from '../src/limits.ts';
import type { FakeClock } from './fake-clock.ts';
import { LossyBus } from './lossy-bus.ts';
import { quiet, type TestClient, TestGateway } from './test-gateway.ts';

/** How late interests and word of losses may be. */
export const DOUBT = { settleMs: 5_000, marginMs: 10_000 };
/** Whose records are subscribed to. */
export const AUTHOR: Uint8Array = fakeKey(1);
/** Whom {@link SUBKEY} acts for. */
export const MASTER: Uint8Array = fakeKey(2);
/** A key that subscribes for its master. */
export const SUBKEY: Uint8Array = fakeKey(3);
/** The filter for them. */
export const BY_AUTHOR: readonly FilterElementInput[] = [{ name: 'authors', keys: [AUTHOR] }];

/** A gateway on a bus that loses records. */
export type LossyGateway = TestGateway<LossyBus>;

/** A new one; keys whose first byte is 3 act for {@link MASTER}. */
export function lossyGateway(
  limits: Partial<GatewayLimits> = {},
  abuse?: AbuseControl,
): LossyGateway {
  const bus = (clock: FakeClock): LossyBus => new LossyBus(clock, DOUBT);
  const gateway = new TestGateway(limits, undefined, bus, abuse);
  gateway.outbox.masters = (key) => (key[0] === 3 ? [MASTER] : []);
  gateway.encryption.masters = gateway.outbox.masters;
  gateway.inbox.masters = gateway.outbox.masters;
  return gateway;
}

/** The time by its clock. */
export function now({ clock }: LossyGateway): Timestamp {
  return timestampFromMillis(clock.now());
}

/** Lets time pass a second at a time, and everything happen that is due. */
export async function pass(gateway: LossyGateway, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    gateway.clock.advance(1_000);
    await quiet();
  }
}

/** Stores a record by {@link AUTHOR} without telling anybody. */
export function store(gateway: LossyGateway, timestamp: number): LiveRecord {
  return gateway.outbox.store(fakeRecord({ timestamp }), { receivedAt: now(gateway) });
}

/** A client that has subscribed to {@link AUTHOR}, as request 7. */
export async function subscribed(gateway: LossyGateway, key?: Uint8Array): Promise<TestClient> {
  const client = gateway.connect(key);
  client.subscribe(7, BY_AUTHOR);
  expect((await client.story()).at(-1)).toBe('complete 7');
  return client;
}
