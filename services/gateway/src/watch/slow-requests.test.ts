/**
 * What an operator reads at night of a slow request: who was asked under which name, who answered,
 * and where the time went; one line for what went together, and none for clients that read slowly.
 */
import type { CallReport } from '@mosaic-cluster/bus';
import { MosaicError, RESULT } from '@mosaic-cluster/protocol';
import { fakeKey, fakeRecord, notifyTag } from '@mosaic-cluster/protocol/testing';
import { noTracer, silentLogger, SlowLog } from '@mosaic-cluster/runtime';
import { beforeEach, describe, expect, test } from 'vitest';
import type { NaiveRole } from '../../testing/naive-role.ts';
import { quiet, TestGateway } from '../../testing/test-gateway.ts';

const BY_AUTHOR = [{ name: 'authors', keys: [fakeKey(1)] }] as const;

let lines: [message: string, fields: Readonly<Record<string, unknown>>][];
let world: TestGateway;

beforeEach(() => {
  lines = [];
  const log = {
    ...silentLogger,
    warn: (message: string, fields = {}) => lines.push([message, fields]),
  };
  const slow = new SlowLog({ log, afterMs: 2_000 });
  world = new TestGateway({}, undefined, undefined, undefined, { tracer: noTracer, slow });
});

/** Has a role take some time by the gateway's clock, and say so or not. */
function slowDown(role: NaiveRole, tookMs: number, report?: Omit<CallReport, 'worker'>): string[] {
  const requests: string[] = [];
  role.gate = async (call) => {
    world.clock.advance(tookMs);
    requests.push(call!.requestId);
    if (report !== undefined) call!.answered({ worker: 'host/7', ...report });
  };
  return requests;
}

describe('a slow submission', () => {
  test('is told with its worker and its steps, once for a batch', async () => {
    const report = { tookMs: 2_400, steps: { judge: 0.2, verify: 4, wait: 300, append: 2_080 } };
    const requests = slowDown(world.outbox, 2_500, report);
    const client = world.connect();
    for (let n = 0; n < 3; n++) client.submit(fakeRecord({ timestamp: n }));
    expect(await client.story()).toHaveLength(3);
    expect(world.outbox.batches).toHaveLength(1);
    expect(lines).toEqual([
      [
        'slow submission to outbox at host/7: 2500 ms (append 2080, wait 300)',
        {
          request: requests[0],
          role: 'outbox',
          worker: 'host/7',
          roleMs: 2_500,
          busMs: 100,
          workerMs: 2_400,
          stepsMs: { verify: 4, wait: 300, append: 2_080 },
          result: 'accepted',
          tookMs: 2_500,
          queueMs: 0,
        },
      ],
    ]);
    expect(requests[0]).toMatch(/^[0-9a-z]{5}-1$/);
  });

  test('says so where the worker is of a release that does not tell', async () => {
    slowDown(world.outbox, 2_000);
    const client = world.connect();
    client.submit(fakeRecord({ timestamp: 1 }));
    await client.story();
    expect(lines[0]?.[0]).toBe('slow submission to outbox: 2000 ms (bus and role 2000)');
    expect(lines[0]?.[1]['worker']).toBeUndefined();
  });

  test('names the role that did not answer', async () => {
    world.outbox.gate = async () => {
      world.clock.advance(10_000);
      throw new MosaicError('unavailable', 'bus-timeout', 'nobody answered');
    };
    const client = world.connect();
    client.submit(fakeRecord({ timestamp: 1 }));
    await client.story();
    expect(lines).toMatchObject([
      [
        'slow submission to outbox, which did not answer: 10000 ms (bus and role 10000)',
        { failure: 'bus-timeout', result: 'temporary_error' },
      ],
    ]);
  });

  test('names all roles that were asked, and the slowest first', async () => {
    world.outbox.judge = () => RESULT.UNAUTHORIZED;
    slowDown(world.outbox, 10);
    slowDown(world.inbox, 3_000);
    const client = world.connect();
    client.submit(fakeRecord({ timestamp: 1, tags: [notifyTag(fakeKey(3))] }));
    await client.story();
    expect(lines).toHaveLength(1);
    expect(lines[0]![0]).toMatch(/^slow submission to inbox: 3010 ms/);
    expect(lines[0]![1]['asked']).toEqual([
      expect.stringMatching(/^outbox /),
      expect.stringMatching(/^inbox /),
    ]);
  });

  test('is none where it was quick', async () => {
    slowDown(world.outbox, 1_999);
    const client = world.connect();
    client.submit(fakeRecord({ timestamp: 1 }));
    await client.story();
    expect(lines).toEqual([]);
  });
});

describe('a slow query', () => {
  test('has one name in all roles, and tells of the slowest', async () => {
    const inInbox = slowDown(world.inbox, 1);
    const report = { tookMs: 2_990, steps: { find: 90, read: 2_900 } };
    const inOutbox = slowDown(world.outbox, 3_000, report);
    const client = world.connect();
    client.query(7, BY_AUTHOR);
    await client.story();
    expect(inInbox).toEqual(inOutbox);
    expect(lines).toMatchObject([
      [
        expect.stringMatching(/^slow query of outbox at host\/7: 300\d ms \(read 2900\)$/),
        { request: inOutbox[0], worker: 'host/7', pages: 2 },
      ],
    ]);
  });

  test('is none where only its client reads slowly', async () => {
    for (let n = 0; n < 10; n++) world.outbox.store(fakeRecord({ timestamp: n }));
    const client = world.connect();
    client.socket.bufferedBytes = 1 << 30;
    client.query(7, BY_AUTHOR);
    await quiet();
    world.clock.advance(60_000);
    client.socket.bufferedBytes = 0;
    client.socket.handler.drained();
    expect((await client.story()).at(-1)).toBe('closed 7 SUCCESS');
    expect(lines).toEqual([]);
  });

  test('is told when it is given up, too', async () => {
    world.outbox.gate = () => new Promise(() => {});
    const client = world.connect();
    client.query(7, BY_AUTHOR);
    await quiet();
    world.clock.advance(5_000);
    client.unsubscribe(7);
    await quiet();
    expect(lines).toMatchObject([
      [
        'slow query of outbox, which has not answered yet: 5000 ms (bus and role 5000)',
        { pages: 2 },
      ],
    ]);
  });
});
