/** Draining, errors and limits of the gateway as a whole. */
import { MosaicError, RESULT } from '@mosaic-cluster/protocol';
import { describe, expect, test } from 'vitest';
import { drainConnections } from './drain.ts';
import { isServerFault, RESULT_OF_ERROR_KIND, resultOfError } from './errors-to-results.ts';
import { GATEWAY_LIMIT_TABLE, resolveGatewayLimits } from './limits.ts';
import { FakeClock } from '../testing/fake-clock.ts';
import { fakeKey, fakeRecord } from '@mosaic-cluster/protocol/testing';
import { quiet, TestGateway } from '../testing/test-gateway.ts';

const BY_AUTHOR = [{ name: 'authors', keys: [fakeKey(1)] }] as const;

describe('draining', () => {
  test('spreads the goodbyes over the time and turns newcomers away', async () => {
    const test = new TestGateway();
    const clients = Array.from({ length: 10 }, () => test.connect());
    const leftAfter: number[] = [];
    const drained = test.gateway.drain(10_000);
    for (let second = 0; second < 9; second++) {
      test.clock.advance(1000);
      leftAfter.push(clients.filter(({ socket }) => socket.closedWith === 1001).length);
    }
    expect(leftAfter).toEqual([2, 3, 4, 5, 7, 8, 9, 10, 10]);
    const late = test.connect();
    expect(await late.story()).toEqual(['closing SHUTTING_DOWN']);
    expect(late.socket.closedWith).toBe(1001);
    for (const { socket } of [...clients, late]) socket.handler.closed();
    await drained;
    expect(test.clock.scheduled).toBe(0);
  });

  test('closes requests, and waits for the answers to what was submitted', async () => {
    const test = new TestGateway();
    const client = test.connect();
    client.subscribe(7, BY_AUTHOR);
    await quiet();
    let open = (): void => {};
    test.outbox.gate = () =>
      new Promise((resolve) => {
        open = resolve;
      });
    client.submit(fakeRecord({ timestamp: 1 }));
    await client.story();
    const drained = test.gateway.drain(10_000);
    test.clock.advance(9000);
    client.submit(fakeRecord({ timestamp: 2 }));
    client.query(8, BY_AUTHOR);
    expect(await client.story()).toEqual([
      'closed 7 SHUTTING_DOWN',
      'result SHUTTING_DOWN 2.0',
      'closed 8 SHUTTING_DOWN',
    ]);
    expect(client.socket.closedWith).toBeUndefined();
    open();
    expect(await client.story()).toEqual(['result ACCEPTED 1.0', 'closing SHUTTING_DOWN']);
    expect(client.socket.closedWith).toBe(1001);
    client.socket.handler.closed();
    await drained;
  });

  test('ends at the deadline whoever is left', async () => {
    const test = new TestGateway();
    test.outbox.gate = () => new Promise(() => {});
    const client = test.connect();
    client.submit(fakeRecord());
    await quiet();
    const drained = test.gateway.drain(1000);
    test.clock.advance(1000);
    await drained;
    expect(await client.story()).toEqual(['closing SHUTTING_DOWN']);
  });

  test('with no time at all ends everybody at once', async () => {
    const left: string[] = [];
    const leaving = { leave: () => left.push('leave'), shut: () => left.push('shut') };
    await drainConnections([leaving, leaving], new Promise(() => {}), 0, new FakeClock());
    expect(left).toEqual(['leave', 'leave', 'shut', 'shut']);
  });

  test('of nobody is done at once', async () => {
    await new TestGateway().gateway.drain(60_000);
  });
});

test('closing ends every connection and hears no live record any more', async () => {
  const test = new TestGateway();
  const client = test.connect();
  client.subscribe(7, BY_AUTHOR);
  await client.story();
  test.gateway.close();
  expect(await client.story()).toEqual(['closing SHUTTING_DOWN']);
  expect(client.socket.closedWith).toBe(1001);
  test.outbox.publish(test.outbox.store(fakeRecord()));
  expect(test.gateway.counters.liveRecords).toBe(0);
});

test('a client that goes gives everything back', async () => {
  const test = new TestGateway();
  const client = test.connect(fakeKey(1));
  client.subscribe(7, BY_AUTHOR);
  await client.story();
  test.outbox.gate = () => new Promise(() => {});
  client.query(8, BY_AUTHOR);
  client.subscribe(9, BY_AUTHOR);
  client.socket.handler.closed();
  test.outbox.publish(test.outbox.store(fakeRecord()));
  expect(await client.story()).toEqual([]);
  expect(test.gateway.counters).toMatchObject({
    connectionsOpen: 0,
    queriesOpen: 0,
    subscriptionsOpen: 0,
    deliveries: 0,
  });
});

describe('errors', () => {
  test.each(Object.entries(RESULT_OF_ERROR_KIND))('of kind %s become a result', (kind, result) => {
    const error = new MosaicError(kind as keyof typeof RESULT_OF_ERROR_KIND, 'some-code', 'secret');
    expect(resultOfError(error)).toBe(result);
    expect(isServerFault(error)).toBe(kind === 'internal' || kind === 'corrupt');
  });

  test.each([
    new Error('bug'),
    'text',
    undefined,
    { kind: 'limited' },
  ])('that are none of ours are bugs: %o', (error) => {
    expect(resultOfError(error)).toBe(RESULT.GENERAL_ERROR);
  });

  test.each(['toString', '__proto__', 7])('of the made-up kind %s are bugs', (kind) => {
    const error = Object.assign(new Error('odd'), { kind });
    expect(resultOfError(error)).toBe(RESULT.GENERAL_ERROR);
  });
});

describe('limits', () => {
  test('have defaults that can work together', () => {
    const limits = resolveGatewayLimits();
    expect(Object.keys(limits)).toEqual(Object.keys(GATEWAY_LIMIT_TABLE));
    const unread = limits.subscriberUnreadBytesMax + 2 * limits.deliveryBytesMax;
    // What a listener buffers for one client before it cuts the connection.
    expect(unread).toBeLessThan(4_194_304);
  });

  test.each([
    ['openRequestsMax', 0],
    ['openRequestsMax', 1.5],
    ['streamPauseBytes', 1000],
    ['deliveryBytesMax', 1000],
  ] as const)('name what cannot work: %s of %d', (name, value) => {
    expect(() => resolveGatewayLimits({ [name]: value })).toThrow(name);
  });
});
