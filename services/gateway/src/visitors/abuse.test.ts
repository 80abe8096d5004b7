/** Budgets, penalties and bans as clients meet them: what they are told, and when they have to go. */
import { testControl, type TestControl } from '@mosaic-cluster/abuse/testing';
import { ROLE_NAMES } from '@mosaic-cluster/bus';
import {
  encodeMessage,
  MESSAGE,
  RESULT,
  type ResultCode,
  timestampFromMillis,
  writeU16,
  writeU24,
} from '@mosaic-cluster/protocol';
import { fakeKey, fakeRecord, KIND } from '@mosaic-cluster/protocol/testing';
import { describe, expect, test } from 'vitest';
import { FUTURE_MAX_MS, type TestClient, TestGateway } from '../../testing/test-gateway.ts';

const AUTHOR = fakeKey(1);
const BY_AUTHOR = [{ name: 'authors', keys: [AUTHOR] }] as const;
const NOW_MS = 2_000_000;

interface Place extends TestControl {
  readonly gateway: TestGateway;
  readonly client: TestClient;
  readonly pass: (ms: number) => void;
}

/** A gateway with these budgets, and a client; time stands still. */
function place(budgets = '', key?: Uint8Array): Place {
  let nowMs = NOW_MS;
  const made = testControl(budgets, () => nowMs);
  const gateway = new TestGateway({}, ROLE_NAMES, undefined, made.control);
  const pass = (ms: number): void => {
    nowMs += ms;
    gateway.clock.advance(ms);
  };
  return { ...made, gateway, client: gateway.connect(key), pass };
}

function malformed(type: number): Uint8Array {
  const bytes = new Uint8Array(8);
  bytes[0] = type;
  writeU24(bytes, 1, 8);
  writeU16(bytes, 4, 7);
  return bytes;
}

describe('over budget', () => {
  test('a request is closed with TOO_FAST, and the connection goes on', async () => {
    const { client, pass, gateway } = place('messages.*.*=1/s:2');
    client.get(1);
    client.query(2, BY_AUTHOR);
    client.query(3, BY_AUTHOR);
    client.subscribe(4, BY_AUTHOR);
    expect(await client.story()).toEqual([
      'closed 1 NOT_FOUND',
      'closed 3 TOO_FAST',
      'closed 4 TOO_FAST',
      'closed 2 SUCCESS',
    ]);
    pass(1_000);
    client.get(5);
    expect(await client.story()).toEqual(['closed 5 NOT_FOUND']);
    expect(client.socket.closedWith).toBeUndefined();
    expect(gateway.gateway.counters.queryResults.get(RESULT.TOO_FAST)).toBe(2);
  });

  test('a submission is answered TOO_FAST, and never reaches a role', async () => {
    const { client, gateway } = place('submissions.*.*=1/s:1');
    client.submit(fakeRecord({ timestamp: 1 }));
    client.submit(fakeRecord({ timestamp: 2 }));
    const story = await client.story();
    expect(story.map((line) => line.replace(/ \S+$/, ''))).toEqual([
      'result TOO_FAST',
      'result ACCEPTED',
    ]);
    expect(gateway.outbox.batches.flat()).toHaveLength(1);
  });

  test('a key schedule counts as all the signatures in it, and goes in all the same', async () => {
    const { client, pass } = place('submissions.*.*=1/s:3');
    const wide = { kind: KIND.keySchedule, payloadBytes: 20 * 152 };
    client.submit(fakeRecord({ timestamp: 1, ...wide }));
    client.submit(fakeRecord({ timestamp: 2, author: fakeKey(2) }));
    const results = async (): Promise<string[]> =>
      (await client.story()).map((line) => line.replace(/ \S+$/, ''));
    expect(await results()).toEqual(['result TOO_FAST', 'result ACCEPTED']);
    pass(10_000);
    client.submit(fakeRecord({ timestamp: 3 }));
    pass(10_000);
    client.submit(fakeRecord({ timestamp: 4 }));
    expect(await results()).toEqual(['result TOO_FAST', 'result ACCEPTED']);
  });

  test('a record counts for the rows that it takes in the index, and goes in all the same', async () => {
    const { client, pass } = place('submissions.*.*=1/s:3');
    const tags = Array.from({ length: 300 }, (_, n) => ({ type: n + 1, value: new Uint8Array(1) }));
    client.submit(fakeRecord({ timestamp: 1, tags }));
    client.submit(fakeRecord({ timestamp: 2 }));
    const results = async (): Promise<string[]> =>
      (await client.story()).map((line) => line.replace(/ \S+$/, ''));
    expect(await results()).toEqual(['result TOO_FAST', 'result ACCEPTED']);
    pass(2_000);
    client.submit(fakeRecord({ timestamp: 3 }));
    expect(await results()).toEqual(['result TOO_FAST']);
    pass(1_000);
    client.submit(fakeRecord({ timestamp: 4 }));
    expect(await results()).toEqual(['result ACCEPTED']);
  });

  test('what never becomes a message is paid for, and then nothing long is waited for', async () => {
    const { client, gateway, pass } = place('bytes.*.*=8KiB/s:2MiB');
    for (let n = 0; n < 2; n++) {
      const { handler } = gateway.connect().socket;
      expect(handler.mayReceive()).toBe(true);
      handler.wasted(1200 * 1024);
      handler.closed();
    }
    expect(client.socket.handler.mayReceive()).toBe(false);
    client.get(1);
    expect(await client.story()).toEqual(['closed 1 TOO_FAST']);
    pass(200_000);
    expect(client.socket.handler.mayReceive()).toBe(true);
    client.get(2);
    expect(await client.story()).toEqual(['closed 2 NOT_FOUND']);
  });

  test('an unsubscribe is heard nevertheless: it gives something back', async () => {
    const { client } = place('messages.*.*=1/s:1');
    client.subscribe(1, BY_AUTHOR);
    client.unsubscribe(1);
    expect(await client.story()).toEqual(['closed 1 SUCCESS']);
  });

  test('a broken rule ends the connection as ever', async () => {
    const { client } = place('messages.*.*=1/h:1');
    client.get(1);
    client.send(malformed(MESSAGE.record));
    expect(await client.story()).toEqual(['closed 1 NOT_FOUND', 'closing INVALID']);
  });

  test('subscriptions are refused until one is given back, in whichever way', async () => {
    const { client, gateway } = place('subscriptions.*.*=2');
    client.subscribe(1, BY_AUTHOR);
    client.subscribe(2, BY_AUTHOR);
    client.subscribe(3, BY_AUTHOR);
    expect((await client.story()).filter((line) => line.startsWith('closed'))).toEqual([
      'closed 3 TOO_FAST',
    ]);
    client.unsubscribe(2);
    client.subscribe(4, BY_AUTHOR);
    // One with the query id of an open one takes its place.
    client.subscribe(1, BY_AUTHOR);
    expect((await client.story()).filter((line) => line.startsWith('closed'))).toEqual([
      'closed 2 SUCCESS',
    ]);
    client.socket.handler.closed();
    const next = gateway.connect();
    next.subscribe(1, BY_AUTHOR);
    next.subscribe(2, BY_AUTHOR);
    expect(await next.story()).toEqual(['complete 1', 'complete 2']);
  });

  test('a subscription to much takes several places, all or none, and gives all back', async () => {
    const { client } = place('subscriptions.*.*=5');
    const wide = [
      { name: 'authors', keys: Array.from({ length: 40 }, (_, n) => fakeKey(n + 1)) },
    ] as const;
    client.subscribe(1, wide);
    client.subscribe(2, wide);
    client.subscribe(3, BY_AUTHOR);
    client.subscribe(4, BY_AUTHOR);
    client.subscribe(5, BY_AUTHOR);
    const story = await client.story();
    expect(story.filter((line) => line.startsWith('closed'))).toEqual([
      'closed 2 TOO_FAST',
      'closed 5 TOO_FAST',
    ]);
    client.unsubscribe(1);
    client.subscribe(6, wide);
    expect(await client.story()).toEqual(['closed 1 SUCCESS', 'complete 6']);
  });

  test('a subscription to kinds alone takes eight places', async () => {
    const { client } = place('subscriptions.*.*=10');
    const all = [{ name: 'kinds', kinds: [KIND.everybody, KIND.everybodyToo] }] as const;
    client.subscribe(1, all);
    client.subscribe(2, [...all, ...BY_AUTHOR]);
    client.subscribe(3, all);
    expect(await client.story()).toEqual(['closed 3 TOO_FAST', 'complete 1', 'complete 2']);
  });

  test('somebody who insists is banned, with a word', async () => {
    const { client } = place('messages.*.*=1/h:1');
    for (let n = 0; n < 200_000 && client.socket.closedWith === undefined; n++)
      client.get(n & 0xff);
    const story = await client.story();
    expect(story.at(-1)).toBe('closing IP_TEMP_BANNED');
    expect(story.at(-2)).toMatch(/TOO_FAST$/);
    expect(client.socket.closedWith).toBe(1008);
  });
});

describe('queries', () => {
  test('are paid for by what they cost: one that looks at much ends between its pages', async () => {
    const { client, gateway, pass } = place('query.*.*=10/s:100');
    gateway.outbox.scanned = 1_000;
    for (let n = 0; n < 200; n++)
      gateway.outbox.store(fakeRecord({ author: AUTHOR, timestamp: n }));
    client.query(1, BY_AUTHOR);
    const story = await client.story();
    expect(story.at(-1)).toBe('closed 1 TOO_FAST');
    expect(story.length).toBeGreaterThan(1);
    expect(story.length).toBeLessThan(200);
    // The debt stops the next, of whoever it is at that address.
    const other = gateway.connect();
    other.query(2, BY_AUTHOR);
    other.get(3);
    other.subscribe(4, BY_AUTHOR);
    expect(await other.story()).toEqual([2, 3, 4].map((id) => `closed ${id} TOO_FAST`));
    pass(400_000);
    other.query(5, BY_AUTHOR, 1);
    expect((await other.story()).at(-1)).toBe('closed 5 SUCCESS');
  });

  test('that wait for their turn are not begun once everything is spent', async () => {
    const { client, gateway } = place('query.*.*=1/s:100');
    gateway.outbox.scanned = 1_000;
    gateway.outbox.store(fakeRecord({ author: AUTHOR, timestamp: 1 }));
    for (let id = 0; id < 200; id++) client.query(id, BY_AUTHOR);
    const story = await client.story();
    expect(story.filter((line) => line.endsWith('TOO_FAST')).length).toBeGreaterThan(150);
    expect(gateway.outbox.budgets.length).toBeLessThanOrEqual(32);
  });

  test('of a worker that does not tell are paid by the records that came', async () => {
    const { client, gateway } = place('query.*.*=1/s:150');
    for (let n = 0; n < 200; n++)
      gateway.outbox.store(fakeRecord({ author: AUTHOR, timestamp: n }));
    client.query(1, BY_AUTHOR);
    expect((await client.story()).at(-1)).toBe('closed 1 SUCCESS');
    client.query(2, BY_AUTHOR);
    expect((await client.story()).at(-1)).toBe('closed 2 TOO_FAST');
  });
});

describe('penalties', () => {
  /** Has somebody do something until the connection ends. */
  async function until(act: (n: number) => void, { client }: Place): Promise<string | undefined> {
    let last: string | undefined;
    for (let n = 0; n < 2_000 && client.socket.closedWith === undefined; n++) {
      act(n);
      last = (await client.story()).at(-1) ?? last;
    }
    return last;
  }
  function answering(made: Place, result: ResultCode): void {
    for (const role of [made.gateway.outbox, made.gateway.inbox]) role.judge = () => result;
  }

  test.each([
    ['INVALID', RESULT.INVALID],
    ['UNAUTHORIZED', RESULT.UNAUTHORIZED],
  ])('come of submissions that are answered %s', async (_, result) => {
    const made = place();
    answering(made, result);
    const last = await until((n) => made.client.submit(fakeRecord({ timestamp: n })), made);
    expect(last).toBe('closing IP_TEMP_BANNED');
    expect(made.gateway.connect().socket.closedWith).toBe(1008);
  });

  test.each([
    ['ACCEPTED', RESULT.ACCEPTED],
    ['DUPLICATE', RESULT.DUPLICATE],
    ['TOO_FAST', RESULT.TOO_FAST],
    ['TEMPORARY_ERROR', RESULT.TEMPORARY_ERROR],
    ['REQUIRES_AUTHENTICATION', RESULT.REQUIRES_AUTHENTICATION],
  ])('do not come of submissions that are answered %s', async (_, result) => {
    const made = place();
    answering(made, result);
    await until((n) => made.client.submit(fakeRecord({ timestamp: n })), made);
    expect(made.client.socket.closedWith).toBeUndefined();
    expect((await made.limiter.report('a:127.0.0.1', 'anonymous')).points).toBe(0);
  });

  test('are small for records of the future: somebody’s clock is wrong', async () => {
    const made = place();
    answering(made, RESULT.INVALID);
    const latest = Number(timestampFromMillis(made.gateway.clock.now() + FUTURE_MAX_MS));
    for (let n = 1; n <= 100; n++) {
      made.client.submit(fakeRecord({ timestamp: latest + n }));
      await made.client.story();
    }
    expect(made.client.socket.closedWith).toBeUndefined();
    expect(made.control.counters.offences['refused-submission']).toBe(100);
  });

  test('are no smaller for forgeries that are dated a little ahead', async () => {
    const made = place();
    answering(made, RESULT.INVALID);
    const ahead = Number(timestampFromMillis(made.gateway.clock.now() + FUTURE_MAX_MS));
    const last = await until((n) => made.client.submit(fakeRecord({ timestamp: ahead - n })), made);
    expect(last).toBe('closing IP_TEMP_BANNED');
    expect(made.control.counters.offences['refused-submission']).toBe(0);
  });

  test('do not come of a failure of the server, such as a policy hook that is gone', async () => {
    const made = place();
    answering(made, RESULT.PERSISTENT_ERROR);
    await until((n) => made.client.submit(fakeRecord({ timestamp: n })), made);
    expect(made.client.socket.closedWith).toBeUndefined();
  });

  test('come of requests that cannot be read, which are answered first', async () => {
    const made = place();
    const last = await until(() => made.client.send(malformed(MESSAGE.query)), made);
    expect(last).toBe('closing IP_TEMP_BANNED');
  });

  test('come of connection after connection that ends for a broken rule', async () => {
    const made = place();
    let client = made.client;
    const words: string[] = [];
    for (let n = 0; n < 200 && words.at(-1) !== 'closing IP_TEMP_BANNED'; n++) {
      if (n % 3 === 0) client.send(malformed(MESSAGE.record));
      else if (n % 3 === 1) client.socket.handler.text();
      else client.socket.handler.tooLarge();
      words.push(...(await client.story()));
      client.socket.handler.closed();
      client = made.gateway.connect();
    }
    expect(words.slice(0, 3)).toEqual(['closing INVALID', 'closing INVALID', 'closing TOO_LARGE']);
    expect(words.at(-1)).toBe('closing IP_TEMP_BANNED');
  });

  test('of a key do not concern others at its address', async () => {
    const made = place('', AUTHOR);
    const [stranger, other] = [made.gateway.connect(), made.gateway.connect(fakeKey(2))];
    answering(made, RESULT.INVALID);
    const last = await until((n) => made.client.submit(fakeRecord({ timestamp: n })), made);
    expect(last).toBe('closing PUBKEY_TEMP_BANNED');
    const again = made.gateway.connect(AUTHOR);
    expect(await again.story()).toEqual(['closing PUBKEY_TEMP_BANNED']);
    for (const each of [stranger, other]) {
      each.get(1);
      expect(await each.story()).toEqual(['closed 1 NOT_FOUND']);
    }
  });

  test('of strangers do not concern who proved a key at their address', async () => {
    const made = place();
    const alice = made.gateway.connect(AUTHOR);
    answering(made, RESULT.INVALID);
    await until((n) => made.client.submit(fakeRecord({ timestamp: n })), made);
    answering(made, RESULT.ACCEPTED);
    for (const each of [alice, made.gateway.connect(AUTHOR)]) {
      each.submit(fakeRecord({ timestamp: 5 }));
      expect((await each.story()).map((line) => line.split(' ')[1])).toEqual(['ACCEPTED']);
    }
  });
});

describe('too many connections', () => {
  test('of one address are told so once there are many, and those of others are not', async () => {
    const { control } = testControl('connections.*.*=100');
    const limits = { connectionsBusyFrom: 4, connectionsSharedMax: 2 };
    const gateway = new TestGateway(limits, ROLE_NAMES, undefined, control);
    const from = (address: string): boolean =>
      gateway.connect(undefined, address).socket.closedWith === undefined;
    expect(Array.from({ length: 6 }, () => from('203.0.113.1')).filter(Boolean)).toHaveLength(4);
    const others = ['203.0.113.2', '203.0.113.2', '203.0.113.2', '203.0.113.3'].map(from);
    expect(others).toEqual([true, true, false, true]);
    expect(gateway.gateway.counters.connectionsOpen).toBe(7);
  });

  test('are told TOO_FAST and closed; one that ends makes room', async () => {
    const { client, gateway } = place('connections.*.*=2');
    const second = gateway.connect();
    const third = gateway.connect();
    expect(await third.story()).toEqual(['closing TOO_FAST']);
    expect(third.socket.closedWith).toBe(1013);
    third.socket.handler.message(encodeMessage({ name: 'get', queryId: 1, references: [] }));
    third.socket.handler.closed();
    expect(await third.story()).toEqual([]);
    second.socket.handler.closed();
    expect(await gateway.connect().story()).toEqual([]);
    expect(client.socket.closedWith).toBeUndefined();
    expect(gateway.gateway.counters.connectionsOpen).toBe(2);
  });
});
