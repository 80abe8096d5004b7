/** What is listened for on a bus that loses records, as keys come to belong to masters and cease to. */
import type { LiveRecord } from '@mosaic-cluster/bus';
import { MosaicError } from '@mosaic-cluster/protocol';
import { fakeRecord, KIND, notifyTag, subkeyTag } from '@mosaic-cluster/protocol/testing';
import { describe, expect, test } from 'vitest';
import { nameOf } from '../../testing/lossy-bus.ts';
import {
  AUTHOR,
  type LossyGateway,
  MASTER,
  SUBKEY,
  lossyGateway,
  now,
  pass,
  subscribed,
} from '../../testing/lossy-gateway.ts';
import { quiet, type TestClient } from '../../testing/test-gateway.ts';

/** Somebody subscribed by a subkey that may come to belong to a master. */
async function scheduled(): Promise<{
  readonly gateway: LossyGateway;
  readonly client: TestClient;
  /** Stores and publishes the master's schedule. */
  readonly schedule: (timestamp: number, subkeys: readonly Uint8Array[]) => void;
  /** Stores and publishes a record for the master. */
  readonly secret: (timestamp: number) => void;
}> {
  const gateway = lossyGateway();
  let masters: readonly Uint8Array[] = [];
  for (const role of [gateway.outbox, gateway.inbox, gateway.encryption]) {
    role.masters = () => masters;
  }
  const client = await subscribed(gateway, SUBKEY);
  await pass(gateway, 30);
  return {
    gateway,
    client,
    schedule: (timestamp, subkeys) => {
      masters = subkeys.length > 0 ? [MASTER] : [];
      const tags = subkeys.map((key) => subkeyTag(key));
      const record = fakeRecord({ timestamp, kind: KIND.keySchedule, author: MASTER, tags });
      gateway.outbox.publish(gateway.outbox.store(record, { receivedAt: now(gateway) }));
    },
    secret: (timestamp) => {
      const options = { receivedAt: now(gateway), readers: [MASTER] };
      gateway.encryption.publish(gateway.encryption.store(fakeRecord({ timestamp }), options));
    },
  };
}

describe('what is listened for', () => {
  test('on behalf of those who subscribe is what concerns them, while they do', async () => {
    const gateway = lossyGateway();
    const hexOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');
    const named = (): string[] => gateway.bus.interests.map(nameOf).sort();
    const one = await subscribed(gateway, SUBKEY);
    const two = await subscribed(gateway, SUBKEY);
    await pass(gateway, 10);
    const ofMaster = (key: Uint8Array): string[] => [
      `reader ${hexOf(key)}`,
      `author ${hexOf(key)}, kind ${hexOf(KIND.keySchedule)}`,
    ];
    expect(named()).toEqual(
      [
        `author ${hexOf(AUTHOR)}`,
        ...ofMaster(SUBKEY),
        ...ofMaster(MASTER),
        `tag 28001000 00000000 ${hexOf(SUBKEY)}`.replaceAll(/(?<=[0-9a-f]) (?=[0-9a-f])/g, ''),
      ].sort(),
    );
    one.unsubscribe(7);
    await quiet();
    expect(named()).toHaveLength(6);
    two.socket.handler.closed();
    await quiet();
    expect(named()).toEqual([]);
    await subscribed(gateway);
    expect(named()).toEqual([`author ${hexOf(AUTHOR)}`]);
  });

  test('follows key schedules', async () => {
    const { gateway, client, schedule, secret } = await scheduled();
    schedule(1, [SUBKEY]);
    await quiet();
    secret(2);
    expect(await client.story()).toEqual(['record 7 2.0']);
    schedule(3, []);
    await quiet();
    secret(4);
    expect(await client.story()).toEqual([]);
    expect(gateway.gateway.counters.gaps).toBe(0);
  });

  test('follows key schedules that nobody heard, with the next gap', async () => {
    const { gateway, client, schedule, secret } = await scheduled();
    gateway.bus.isLosing = true;
    schedule(5, [SUBKEY]);
    await pass(gateway, 2);
    const since = now(gateway);
    secret(6);
    gateway.bus.isLosing = false;
    gateway.bus.tellGap(since);
    await pass(gateway, 10);
    secret(7);
    expect(await client.story()).toEqual(['record 7 6.0', 'record 7 7.0']);
  });

  test('takes its time to be known everywhere, which loses nothing', async () => {
    const { gateway, client, schedule, secret } = await scheduled();
    gateway.bus.spreadMs = 4_000;
    schedule(1, [SUBKEY]);
    await pass(gateway, 1);
    secret(2);
    expect(await client.story()).toEqual([]);
    await pass(gateway, 6);
    secret(3);
    expect(await client.story()).toEqual(['record 7 2.0', 'record 7 3.0']);
  });
});

describe('while nobody can tell whom keys act for', () => {
  const notWhole = async (): Promise<never> => {
    throw new MosaicError('unavailable', 'index-not-whole', 'the record index is being made anew');
  };

  test('a key reads for itself, and gets what it missed for its master when that is known', async () => {
    const gateway = lossyGateway();
    const roles = [gateway.outbox, gateway.inbox, gateway.encryption];
    const telling = roles.map((role) => role.identities.bind(role));
    const { masters } = gateway.outbox;
    for (const role of roles) {
      role.identities = notWhole;
      role.masters = () => [];
    }
    const client = await subscribed(gateway, SUBKEY);
    const forOne = (timestamp: number, reader: Uint8Array): LiveRecord =>
      gateway.encryption.store(
        fakeRecord({ timestamp, kind: KIND.tagged, tags: [notifyTag(reader)] }),
        { receivedAt: now(gateway), readers: [AUTHOR, reader] },
      );
    gateway.encryption.publish(forOne(1, MASTER));
    gateway.encryption.publish(forOne(2, SUBKEY));
    await pass(gateway, 60);
    expect(await client.story()).toEqual(['record 7 2.0']);
    roles.forEach((role, i) => {
      role.identities = telling[i]!;
      role.masters = masters;
    });
    await pass(gateway, 60);
    expect(await client.story()).toEqual(['record 7 1.0']);
    gateway.encryption.publish(forOne(3, MASTER));
    expect(await client.story()).toEqual(['record 7 3.0']);
  });

  test('nothing is asked any more for one that has left', async () => {
    const gateway = lossyGateway();
    for (const role of [gateway.outbox, gateway.inbox, gateway.encryption]) {
      role.identities = notWhole;
    }
    const client = await subscribed(gateway, SUBKEY);
    client.socket.handler.closed();
    await pass(gateway, 120);
    expect(gateway.clock.scheduled).toBe(0);
  });
});
