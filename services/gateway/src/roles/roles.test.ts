/** Which roles are asked for what, and what becomes of an answer when one of them is away. */
import { MosaicError, RESULT } from '@mosaic-cluster/protocol';
import { describe, expect, test } from 'vitest';
import { GATEWAY_LIMIT_TABLE } from '../limits.ts';
import { fakeKey, fakeRecord } from '@mosaic-cluster/protocol/testing';
import { LossyBus } from '../../testing/lossy-bus.ts';
import { TestGateway } from '../../testing/test-gateway.ts';

const DOUBT = { settleMs: 5_000, marginMs: 10_000 };
const BY_AUTHOR = [{ name: 'authors', keys: [fakeKey(1)] }] as const;

function remoteGateway(): TestGateway<LossyBus> {
  return new TestGateway({}, undefined, (clock) => new LossyBus(clock, DOUBT));
}

const away = async (): Promise<void> => {
  throw new MosaicError('unavailable', 'bus-timeout', 'away');
};

describe('a query over several roles', () => {
  test('brings what the others have when one is away, and says that it is incomplete', async () => {
    const gateway = new TestGateway();
    for (const timestamp of [1, 2]) gateway.outbox.store(fakeRecord({ timestamp }));
    gateway.inbox.gate = away;
    const client = gateway.connect();
    client.query(7, BY_AUTHOR);
    const incomplete = ['record 7 2.0', 'record 7 1.0', 'closed 7 TEMPORARY_ERROR'];
    expect(await client.story()).toEqual(incomplete);
    client.subscribe(7, BY_AUTHOR);
    expect(await client.story()).toEqual(incomplete);
    client.query(7, BY_AUTHOR, 1);
    expect(await client.story()).toEqual(['record 7 2.0', 'closed 7 TEMPORARY_ERROR']);
    expect(gateway.gateway.counters).toMatchObject({ queriesOpen: 0, subscriptionsOpen: 0 });
    expect(gateway.failed).toEqual(['query', 'subscribe', 'query']);
  });

  test('does not wait for a role that nobody served a moment ago', async () => {
    const gateway = remoteGateway();
    gateway.bus.absent = 'inbox';
    const client = gateway.connect();
    client.query(7, BY_AUTHOR);
    expect(await client.story()).toEqual(['closed 7 TEMPORARY_ERROR']);
    expect(gateway.inbox.budgets).toEqual([]);
  });
});

describe('a Get by ID from other processes', () => {
  test('asks each role for what those before it did not have', async () => {
    const gateway = remoteGateway();
    const [one, two, three] = [1, 2, 3].map((timestamp) => fakeRecord({ timestamp }));
    gateway.outbox.store(one!);
    gateway.outbox.store(two!);
    gateway.inbox.store(three!);
    const client = gateway.connect();
    client.get(7, one!.id, two!.id);
    expect(await client.story()).toEqual(['record 7 2.0', 'record 7 1.0', 'closed 7 SUCCESS']);
    expect(gateway.inbox.budgets).toEqual([]);
    client.get(7, one!.id, three!.id);
    expect(await client.story()).toEqual(['record 7 3.0', 'record 7 1.0', 'closed 7 SUCCESS']);
    client.get(7, fakeRecord({ timestamp: 9 }).id);
    expect(await client.story()).toEqual(['closed 7 NOT_FOUND']);
    expect(gateway.inbox.asked).toEqual([1, 1]);
  });

  test('finds everything, however small the pages are', async () => {
    const gateway = remoteGateway();
    gateway.outbox.pageRecordsMax = 2;
    const records = [1, 2, 3, 4, 5].map((timestamp) => fakeRecord({ timestamp }));
    records.forEach((record, i) => (i < 3 ? gateway.outbox : gateway.inbox).store(record));
    const client = gateway.connect();
    client.get(7, ...records.map((record) => record.id));
    const found = [5, 4, 3, 2, 1].map((timestamp) => `record 7 ${timestamp}.0`);
    expect(await client.story()).toEqual([...found, 'closed 7 SUCCESS']);
  });

  test('asks all that are left when one takes long, and sends each record once', async () => {
    const gateway = remoteGateway();
    const [one, two] = [1, 2].map((timestamp) => fakeRecord({ timestamp }));
    gateway.outbox.store(one!);
    gateway.inbox.store(one!);
    gateway.inbox.store(two!);
    let answer = (): void => {};
    gateway.outbox.gate = () =>
      new Promise((resolve) => {
        answer = resolve;
      });
    const client = gateway.connect();
    client.get(7, one!.id, two!.id);
    expect(await client.story()).toEqual([]);
    expect(gateway.inbox.asked).toEqual([]);
    gateway.clock.advance(GATEWAY_LIMIT_TABLE.getTurnsMs.value);
    expect(await client.story()).toEqual([]);
    expect(gateway.inbox.asked).toEqual([2]);
    answer();
    expect(await client.story()).toEqual(['record 7 2.0', 'record 7 1.0', 'closed 7 SUCCESS']);
    gateway.outbox.gate = async () => {};
    const before = gateway.clock.scheduled;
    client.get(8, one!.id, two!.id);
    expect(await client.story()).toEqual(['record 8 2.0', 'record 8 1.0', 'closed 8 SUCCESS']);
    expect(gateway.inbox.asked).toEqual([2, 1]);
    expect(gateway.clock.scheduled).toBe(before);
  });

  test('asks the others when the first is away', async () => {
    const gateway = remoteGateway();
    const record = fakeRecord();
    gateway.inbox.store(record);
    gateway.outbox.gate = away;
    const client = gateway.connect();
    client.get(7, record.id);
    expect(await client.story()).toEqual(['record 7 1.0', 'closed 7 TEMPORARY_ERROR']);
  });
});

test('whom a key acts for, any role can say that is there', async () => {
  const gateway = new TestGateway();
  gateway.outbox.gate = away;
  const client = gateway.connect(fakeKey(2));
  client.subscribe(7, [
    ...BY_AUTHOR,
    { name: 'kinds', kinds: [Uint8Array.of(0, 0, 0, 99, 0, 4, 0, 4)] },
  ]);
  expect(await client.story()).toEqual(['complete 7']);
  gateway.inbox.gate = away;
  gateway.encryption.gate = away;
  const other = gateway.connect(fakeKey(3));
  other.subscribe(7, BY_AUTHOR);
  expect((await other.story()).at(-1)).toBe('closed 7 TEMPORARY_ERROR');
  expect(gateway.gateway.counters.queryResults.get(RESULT.TEMPORARY_ERROR)).toBe(1);
});
