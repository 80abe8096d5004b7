/** Live records reach whom they may, once, and slow readers alone pay for being slow. */
import type { LiveRecord } from '@mosaic-cluster/bus';
import { type FilterElementInput, RESULT, timestampFromMillis } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fakeKey, fakeRecord, KIND, notifyTag, subkeyTag } from '@mosaic-cluster/protocol/testing';
import { at, quiet, type TestClient, TestGateway } from '../../testing/test-gateway.ts';

const AUTHOR = fakeKey(1);
const BY_AUTHOR: readonly FilterElementInput[] = [{ name: 'authors', keys: [AUTHOR] }];

async function subscribed(
  test: TestGateway,
  key?: Uint8Array,
  elements: readonly FilterElementInput[] = BY_AUTHOR,
): Promise<TestClient> {
  const client = test.connect(key);
  client.subscribe(7, elements);
  expect(await client.story()).toEqual(['complete 7']);
  client.socket.writes = 0;
  return client;
}

function live(test: TestGateway, timestamp: number, more: Partial<LiveRecord> = {}): LiveRecord {
  const record = fakeRecord({ timestamp });
  const receivedAt = timestampFromMillis(test.clock.now());
  return { role: 'outbox', record, receivedAt, readers: undefined, ...more };
}

describe('live records', () => {
  test('reach every subscription that matches, a batch in one write', async () => {
    const test = new TestGateway();
    const one = await subscribed(test);
    one.subscribe(300, BY_AUTHOR);
    expect(await one.story()).toEqual(['complete 300']);
    one.socket.writes = 0;
    const two = await subscribed(test);
    const other = await subscribed(test, undefined, [{ name: 'authors', keys: [fakeKey(2)] }]);
    test.outbox.publish(live(test, 5), live(test, 6));
    expect((await one.story()).sort()).toEqual([
      'record 300 5.0',
      'record 300 6.0',
      'record 7 5.0',
      'record 7 6.0',
    ]);
    expect(await two.story()).toEqual(['record 7 5.0', 'record 7 6.0']);
    expect([one.socket.writes, two.socket.writes]).toEqual([1, 1]);
    expect(await other.story()).toEqual([]);
  });

  test('of any size come whole, however many one batch holds', async () => {
    const test = new TestGateway();
    const client = await subscribed(test);
    const batch = Array.from({ length: 5 }, (_, at) =>
      live(test, at, { record: fakeRecord({ timestamp: at, payloadBytes: 700_000 }) }),
    );
    test.outbox.publish(...batch);
    await quiet();
    const same = client.socket.messages().map((message, index) => {
      const expected = at(batch, index).record.bytes;
      return message.name === 'record' && Buffer.compare(message.record.bytes, expected) === 0;
    });
    expect(same).toEqual(batch.map(() => true));
  });

  test('are counted where they arrive, for senders of ephemeral records', async () => {
    const test = new TestGateway();
    expect(await test.bus.offer(live(test, 1))).toBe(0);
    await subscribed(test);
    const closed = await subscribed(test);
    await subscribed(test, fakeKey(2));
    expect(await test.bus.offer(live(test, 2))).toBe(3);
    expect(await test.bus.offer(live(test, 3, { readers: [fakeKey(2)] }))).toBe(1);
    closed.socket.handler.closed();
    expect(await test.bus.offer(live(test, 4))).toBe(2);
  });

  test('of two roles come once; more readers of a later copy still get it', async () => {
    const test = new TestGateway();
    const reader = await subscribed(test, fakeKey(2));
    const stranger = await subscribed(test);
    test.inbox.publish(live(test, 5, { readers: [fakeKey(2)] }));
    expect(await reader.story()).toEqual(['record 7 5.0']);
    expect(await stranger.story()).toEqual([]);
    test.inbox.publish(live(test, 5), live(test, 5));
    test.outbox.publish(live(test, 5));
    expect(await reader.story()).toEqual([]);
    expect(await stranger.story()).toEqual(['record 7 5.0']);
  });

  test('are remembered within bounds', async () => {
    const test = new TestGateway({ recentIdsMax: 2 });
    const client = await subscribed(test);
    test.outbox.publish(live(test, 1), live(test, 2), live(test, 3), live(test, 2), live(test, 1));
    expect(await client.story()).toEqual([1, 2, 3, 1].map((at) => `record 7 ${at}.0`));
  });
});

describe('a slow reader', () => {
  test('loses its subscription, and nobody else does', async () => {
    const test = new TestGateway({ subscriberUnreadBytesMax: 10_000 });
    const slow = await subscribed(test);
    const fast = await subscribed(test);
    slow.socket.isReading = false;
    const records = 100;
    for (let timestamp = 0; timestamp < records; timestamp++) {
      test.outbox.publish(live(test, timestamp));
    }
    const story = await slow.story();
    expect(story.at(-1)).toBe('closed 7 TEMPORARY_ERROR');
    expect(story.length).toBeLessThan(60);
    expect(await fast.story()).toHaveLength(records);
    expect(test.gateway.counters).toMatchObject({
      subscriptionsShed: { unread: 1, missed: 0 },
      subscriptionsOpen: 1,
    });
    // It is no failure of the server: nobody is to be woken by a client that does not read.
    expect(test.gateway.counters.queryResults.get(RESULT.TEMPORARY_ERROR)).toBe(0);
    slow.socket.read();
    slow.subscribe(7, [{ name: 'authors', keys: [fakeKey(9)] }]);
    expect(await slow.story()).toEqual(['complete 7']);
  });

  test('never has much more unread than allowed, however large a batch is', async () => {
    const test = new TestGateway();
    const slow = await subscribed(test);
    for (let id = 8; id < 20; id++) slow.subscribe(id, BY_AUTHOR);
    await slow.story();
    slow.socket.isReading = false;
    const batch = Array.from({ length: 8 }, (_, timestamp) =>
      live(test, timestamp, { record: fakeRecord({ timestamp, payloadBytes: 500_000 }) }),
    );
    test.outbox.publish(...batch);
    await quiet();
    expect(slow.socket.bufferedBytes).toBeLessThan(4_194_304);
    expect(test.gateway.counters.subscriptionsOpen).toBe(0);
  });
});

describe('private records', () => {
  const readers = [fakeKey(2)];

  test('reach their readers, by master key and by subkey, and nobody else', async () => {
    const test = new TestGateway();
    test.outbox.masters = (key) => (key[0] === 3 ? [fakeKey(2)] : []);
    const master = await subscribed(test, fakeKey(2));
    const subkey = await subscribed(test, fakeKey(3));
    const stranger = await subscribed(test, fakeKey(4));
    const anonymous = await subscribed(test);
    test.encryption.publish(live(test, 5, { readers }));
    expect(await master.story()).toEqual(['record 7 5.0']);
    expect(await subkey.story()).toEqual(['record 7 5.0']);
    expect(await stranger.story()).toEqual([]);
    expect(await anonymous.story()).toEqual([]);
  });

  test('wait until it is known who reads', async () => {
    const test = new TestGateway();
    let open = (): void => {};
    test.outbox.masters = () => [fakeKey(2)];
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const identities = test.outbox.identities.bind(test.outbox);
    test.outbox.identities = async (key) => {
      await opened;
      return identities(key);
    };
    const client = test.connect(fakeKey(3));
    client.subscribe(7, BY_AUTHOR);
    expect(await client.story()).toEqual(['complete 7']);
    test.encryption.publish(live(test, 5, { readers }), live(test, 6));
    test.encryption.publish(live(test, 7, { readers: [fakeKey(4)] }));
    expect(await client.story()).toEqual([]);
    open();
    expect(await client.story()).toEqual(['record 7 5.0', 'record 7 6.0']);
  });

  test('follow a key schedule as soon as it passes by', async () => {
    const test = new TestGateway();
    let masters: Uint8Array[] = [];
    test.outbox.masters = () => masters;
    const client = await subscribed(test, fakeKey(3));
    const schedule = (timestamp: number, subkeys: Uint8Array[]): LiveRecord =>
      live(test, timestamp, {
        record: fakeRecord({
          timestamp,
          kind: KIND.keySchedule,
          author: fakeKey(2),
          tags: subkeys.map((key) => subkeyTag(key)),
        }),
      });
    test.encryption.publish(live(test, 5, { readers }));
    expect(await client.story()).toEqual([]);
    masters = [fakeKey(2)];
    test.outbox.publish(schedule(6, [fakeKey(3)]), live(test, 7, { readers }));
    expect(await client.story()).toEqual(['record 7 7.0']);
    masters = [];
    test.outbox.publish(schedule(8, []), live(test, 9, { readers }));
    test.encryption.publish(live(test, 10, { readers }), live(test, 11, { readers: [fakeKey(3)] }));
    expect(await client.story()).toEqual(['record 7 11.0']);
  });

  test('go by the last key schedule, however late an earlier answer comes', async () => {
    const test = new TestGateway();
    const client = await subscribed(test, fakeKey(3));
    const answers: ((masters: Uint8Array[]) => void)[] = [];
    test.outbox.identities = () => new Promise((resolve) => answers.push(resolve));
    const record = fakeRecord({ kind: KIND.keySchedule, tags: [subkeyTag(fakeKey(3))] });
    test.outbox.publish(live(test, 1, { record }));
    test.outbox.publish(live(test, 1, { record }));
    at(answers, 1)([fakeKey(3)]);
    await quiet();
    at(answers, 0)([fakeKey(3), fakeKey(2)]);
    await quiet();
    await client.story();
    test.encryption.publish(live(test, 7, { readers }));
    expect(await client.story()).toEqual([]);
  });

  test('end the subscription where nobody can say who reads', async () => {
    const test = new TestGateway();
    test.outbox.identities = async () => {
      throw Object.assign(new Error('gone'), { kind: 'unavailable' });
    };
    const client = test.connect(fakeKey(3));
    client.subscribe(7, BY_AUTHOR);
    expect((await client.story()).at(-1)).toBe('closed 7 TEMPORARY_ERROR');
    expect(test.gateway.counters.subscriptionsOpen).toBe(0);
  });
});

test('fan-out agrees with asking every subscription about every record', async () => {
  const keys = [1, 2, 3].map((number) => fakeKey(number));
  const someKeys = fc.uniqueArray(fc.constantFrom(...keys), { minLength: 1, maxLength: 2 });
  const filter = fc.oneof(
    someKeys.map((list): FilterElementInput => ({ name: 'authors', keys: list })),
    someKeys.map(
      (list): FilterElementInput => ({
        name: 'includedTags',
        tags: list.map((key) => notifyTag(key)),
      }),
    ),
  );
  const subscription = fc.record({
    connection: fc.integer({ min: 0, max: 3 }),
    id: fc.integer({ min: 1, max: 3 }),
    filter,
  });
  const record = fc.record({
    author: fc.constantFrom(...keys),
    notifies: fc.constantFrom(...keys),
    isPrivate: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(subscription, { maxLength: 8 }),
      fc.array(fc.array(record, { maxLength: 3 }), { maxLength: 4 }),
      async (subscriptions, batches) => {
        const test = new TestGateway();
        const clients = [undefined, ...keys].map((key) => test.connect(key));
        const open = new Map<string, (typeof subscriptions)[number]>();
        for (const item of subscriptions) {
          at(clients, item.connection).subscribe(item.id, [item.filter]);
          open.set(`${item.connection}/${item.id}`, item);
        }
        await quiet();
        for (const client of clients) client.socket.sent.length = 0;
        const expected = clients.map((): string[] => []);
        let timestamp = 0;
        for (const batch of batches) {
          const records = batch.map(({ author, notifies, isPrivate }) => {
            timestamp += 1;
            for (const { connection, id, filter } of open.values()) {
              const key = connection === 0 ? undefined : keys[connection - 1];
              if (isPrivate && key !== author && key !== notifies) continue;
              const isWanted =
                filter.name === 'authors'
                  ? filter.keys.includes(author)
                  : 'tags' in filter && filter.tags.some(({ value }) => value[4] === notifies[0]);
              if (isWanted) at(expected, connection).push(`record ${id} ${timestamp}.0`);
            }
            const record = fakeRecord({ timestamp, author, tags: [notifyTag(notifies)] });
            return live(test, timestamp, {
              record,
              readers: isPrivate ? [author, notifies] : undefined,
            });
          });
          test.outbox.publish(...records);
        }
        for (const [index, client] of clients.entries()) {
          expect((await client.story()).sort()).toEqual(at(expected, index).sort());
        }
      },
    ),
  );
});

test('what was sent as stored is forgotten once it cannot come any more', async () => {
  const test = new TestGateway();
  const stored = test.outbox.store(fakeRecord({ timestamp: 5 }), {
    receivedAt: timestampFromMillis(test.clock.now()),
  });
  const client = test.connect();
  client.subscribe(7, BY_AUTHOR);
  expect(await client.story()).toEqual(['record 7 5.0', 'complete 7']);
  test.outbox.publish(stored);
  expect(await client.story()).toEqual([]);
  expect(test.clock.scheduled).toBe(1);
  test.clock.advance(60_000);
  expect(test.clock.scheduled).toBe(0);
  expect(test.gateway.counters.queryResults.get(RESULT.TEMPORARY_ERROR)).toBe(0);
});
