/** A connection answers every kind of message as the protocol says. */
import { encodeMessage, RESULT, writeU16, writeU24 } from '@mosaic-cluster/protocol';
import { describe, expect, test } from 'vitest';
import { fakeKey, fakeRecord, KIND, notifyTag } from '@mosaic-cluster/protocol/testing';
import { quiet, TestGateway } from '../testing/test-gateway.ts';

const AUTHOR = fakeKey(1);
const BY_AUTHOR = [{ name: 'authors', keys: [AUTHOR] }] as const;

function framed(type: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes[0] = type;
  if (length >= 4) writeU24(bytes, 1, length);
  if (length >= 6) writeU16(bytes, 4, 7);
  return bytes;
}

describe('message types', () => {
  const UNRECOGNIZED = [0x00, 0x06, 0x07, 0x08, 0x09, 0x10, 0x11, 0x7f, 0x87, 0x91, 0xef, 0xff];
  test.each(UNRECOGNIZED)('type %i is not recognized, whatever its length', async (type) => {
    const client = new TestGateway().connect();
    client.send(framed(type, 8));
    client.send(framed(type, 1));
    client.send(framed(type, 41));
    client.get(1);
    const answers = ['unrecognized', 'unrecognized', 'unrecognized', 'closed 1 NOT_FOUND'];
    expect(await client.story()).toEqual(answers);
    expect(client.socket.closedWith).toBeUndefined();
  });

  const SERVER_TYPES = [0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x90, 0xfe];
  test.each(SERVER_TYPES)('type %i is for servers to send: the connection ends', async (type) => {
    const test = new TestGateway();
    const client = test.connect();
    client.query(1, BY_AUTHOR);
    client.send(framed(type, 8));
    client.query(2, BY_AUTHOR);
    expect(await client.story()).toEqual(['closing INVALID']);
    expect(client.socket.closedWith).toBe(1002);
    expect(test.gateway.counters.violations).toBe(1);
  });

  test('0xF0 is ignored, even malformed', async () => {
    const client = new TestGateway().connect();
    client.send(framed(0xf0, 8));
    client.send(framed(0xf0, 1));
    expect(await client.story()).toEqual([]);
    expect(client.socket.closedWith).toBeUndefined();
  });

  test('a text message ends the connection', async () => {
    const client = new TestGateway().connect();
    client.socket.handler.text();
    expect(await client.story()).toEqual(['closing INVALID']);
    expect(client.socket.closedWith).toBe(1003);
  });

  test('a message that is too large is named before the listener closes with 1009', async () => {
    const client = new TestGateway().connect();
    client.socket.handler.tooLarge();
    client.query(1, BY_AUTHOR);
    expect(await client.story()).toEqual(['closing TOO_LARGE']);
    expect(client.socket.closedWith).toBeUndefined();
  });

  test('a client that is crowded out is told TOO_FAST before it is closed with 1013', async () => {
    const { connect, gateway } = new TestGateway();
    const client = connect();
    client.socket.handler.crowdedOut();
    client.query(1, BY_AUTHOR);
    expect(await client.story()).toEqual(['closing TOO_FAST']);
    expect(client.socket.closedWith).toBeUndefined();
    expect(gateway.counters.violations).toBe(0);
  });
});

describe('malformed messages', () => {
  test.each([0, 1, 5])('a request of %i bytes cannot be addressed', async (length) => {
    const client = new TestGateway().connect();
    client.send(framed(0x02, length));
    expect(await client.story()).toEqual(['closing INVALID']);
    expect(client.socket.closedWith).toBe(1002);
  });

  test.each([
    0x01, 0x02, 0x03, 0x04,
  ])('request %i is answered from 6 bytes on, and the connection stays open', async (type) => {
    const client = new TestGateway().connect();
    client.send(framed(type, 6));
    client.send(framed(type, 7));
    const wrongLength = framed(type, 16);
    writeU24(wrongLength, 1, 8);
    client.send(wrongLength);
    client.send(framed(type, 24 + 13));
    expect(await client.story()).toEqual(Array.from({ length: 4 }, () => 'closed 7 INVALID'));
    expect(client.socket.closedWith).toBeUndefined();
  });

  test('a submission is answered from 40 bytes on', async () => {
    const client = new TestGateway().connect();
    const { bytes } = fakeRecord({ timestamp: 5, serial: 3 });
    for (const length of [40, 159, 8 + bytes.length]) {
      const message = framed(0x05, length);
      message.set(bytes.subarray(0, length - 8), 8);
      writeU24(message, 1, length + 1);
      client.send(message);
    }
    expect(await client.story()).toEqual(Array.from({ length: 3 }, () => 'result INVALID 5.3'));
    expect(client.socket.closedWith).toBeUndefined();
    client.send(framed(0x05, 39));
    expect(await client.story()).toEqual(['closing INVALID']);
  });

  test('unknown elements make a filter invalid, an open filter is too open', async () => {
    const client = new TestGateway().connect();
    for (const type of [0x02, 0x03]) {
      const unknown = framed(type, 24);
      unknown[8] = 16;
      unknown[16] = 0x7f;
      unknown[17] = 1;
      client.send(unknown);
    }
    client.query(8, [{ name: 'since', timestamp: 1n }]);
    client.subscribe(9, []);
    expect(await client.story()).toEqual([
      'closed 7 INVALID',
      'closed 7 INVALID',
      'closed 8 TOO_OPEN',
      'closed 9 TOO_OPEN',
    ]);
  });

  test('a malformed request ends an open one with its query id', async () => {
    const { outbox, connect } = new TestGateway();
    const client = connect();
    client.subscribe(7, BY_AUTHOR);
    expect(await client.story()).toEqual(['complete 7']);
    client.send(framed(0x02, 7));
    outbox.publish(outbox.store(fakeRecord()));
    expect(await client.story()).toEqual(['closed 7 INVALID']);
  });
});

describe('requests', () => {
  test('a query answers newest first and ends with SUCCESS, in one write', async () => {
    const { outbox, inbox, connect } = new TestGateway();
    outbox.store(fakeRecord({ timestamp: 1 }));
    inbox.store(fakeRecord({ timestamp: 2 }));
    outbox.store(fakeRecord({ timestamp: 3 }));
    outbox.store(fakeRecord({ timestamp: 4, author: fakeKey(2) }));
    const client = connect();
    client.query(7, BY_AUTHOR, 2);
    expect(await client.story()).toEqual(['record 7 3.0', 'record 7 2.0', 'closed 7 SUCCESS']);
    expect(client.socket.writes).toBe(1);
  });

  test('a Get finds by ID and address, each record once, or says NOT_FOUND', async () => {
    const { outbox, connect } = new TestGateway();
    const { record } = outbox.store(fakeRecord({ timestamp: 1 }));
    outbox.store(fakeRecord({ timestamp: 2 }));
    const client = connect();
    client.get(1, record.id, record.id, fakeRecord({ timestamp: 9 }).id);
    client.get(2, record.address, record.id);
    client.get(3, fakeRecord({ timestamp: 9 }).id);
    client.get(4);
    expect((await client.story()).sort()).toEqual([
      'closed 1 SUCCESS',
      'closed 2 SUCCESS',
      'closed 3 NOT_FOUND',
      'closed 4 NOT_FOUND',
      'record 1 1.0',
      'record 2 1.0',
      'record 2 2.0',
    ]);
  });

  test('encryption is asked for authenticated readers and private kinds only', async () => {
    const { encryption, outbox, connect } = new TestGateway();
    const readers = [fakeKey(5)];
    encryption.store(fakeRecord({ kind: KIND.tagged }), { readers });
    const stranger = connect();
    stranger.query(1, BY_AUTHOR);
    expect(await stranger.story()).toEqual(['closed 1 SUCCESS']);
    expect(encryption.budgets).toHaveLength(0);
    const reader = connect(fakeKey(5));
    reader.query(1, BY_AUTHOR);
    expect(await reader.story()).toEqual(['record 1 1.0', 'closed 1 SUCCESS']);
    const outboxPages = outbox.budgets.length;
    reader.query(2, [...BY_AUTHOR, { name: 'kinds', kinds: [KIND.tagged] }]);
    expect(await reader.story()).toEqual(['record 2 1.0', 'closed 2 SUCCESS']);
    expect(outbox.budgets).toHaveLength(outboxPages);
    reader.query(3, [...BY_AUTHOR, { name: 'kinds', kinds: [KIND.everybody] }]);
    expect(await reader.story()).toEqual(['closed 3 SUCCESS']);
    expect(encryption.budgets).toHaveLength(2);
  });

  test('unsubscribing ends what is open and says NOT_FOUND for what is not', async () => {
    const { outbox, connect } = new TestGateway();
    const client = connect();
    client.subscribe(1, BY_AUTHOR);
    await quiet();
    outbox.gate = () => new Promise(() => {});
    client.query(2, BY_AUTHOR);
    client.unsubscribe(1);
    client.unsubscribe(1);
    client.unsubscribe(2);
    outbox.publish(outbox.store(fakeRecord()));
    expect(await client.story()).toEqual([
      'complete 1',
      'closed 1 SUCCESS',
      'closed 1 NOT_FOUND',
      'closed 2 SUCCESS',
    ]);
  });

  test('a role that fails midway ends the query; nothing internal is told', async () => {
    const { outbox, inbox, connect, gateway } = new TestGateway();
    outbox.store(fakeRecord({ timestamp: 1 }));
    outbox.store(fakeRecord({ timestamp: 2 }));
    outbox.pageRecordsMax = 1;
    let pages = 0;
    outbox.gate = async () => {
      pages += 1;
      if (pages > 1) throw Object.assign(new Error('disk on fire'), { kind: 'unavailable' });
    };
    const client = connect();
    client.query(1, BY_AUTHOR);
    expect(await client.story()).toEqual(['record 1 2.0', 'closed 1 TEMPORARY_ERROR']);
    outbox.gate = async () => {};
    inbox.gate = () => Promise.reject(new TypeError('a bug'));
    client.query(2, [{ name: 'authors', keys: [fakeKey(9)] }]);
    client.subscribe(3, [{ name: 'authors', keys: [fakeKey(9)] }]);
    expect(await client.story()).toEqual(['closed 2 GENERAL_ERROR', 'closed 3 GENERAL_ERROR']);
    expect(gateway.counters.serverFaults).toBe(2);
  });

  test('too many open requests, or bytes in them, are refused with TOO_FAST', async () => {
    const { outbox, connect } = new TestGateway({
      openRequestsMax: 2,
      requestBytesMax: 4000,
      getReferencesMax: 50,
    });
    outbox.gate = () => new Promise(() => {});
    const client = connect();
    client.query(1, BY_AUTHOR);
    client.query(2, BY_AUTHOR);
    client.query(3, BY_AUTHOR);
    client.query(2, BY_AUTHOR);
    expect(await client.story()).toEqual(['closed 3 TOO_FAST']);
    client.unsubscribe(1);
    client.unsubscribe(2);
    const ids = Array.from({ length: 100 }, (_, timestamp) => fakeRecord({ timestamp }).id);
    client.get(4, ...ids);
    client.get(5, ...ids.slice(0, 51));
    client.get(6, ...ids.slice(0, 50));
    client.get(7, ...ids.slice(0, 50));
    expect((await client.story()).slice(2)).toEqual([
      'closed 4 TOO_FAST',
      'closed 5 TOO_LARGE',
      'closed 7 TOO_FAST',
    ]);
  });

  test('what subscriptions are filed under counts among the bytes held', async () => {
    const { connect } = new TestGateway({ requestBytesMax: 1200 });
    const client = connect();
    client.subscribe(1, BY_AUTHOR);
    client.subscribe(2, BY_AUTHOR);
    client.subscribe(3, BY_AUTHOR);
    expect(await client.story()).toContain('closed 3 TOO_FAST');
  });

  test('a query whose id is used again keeps its turn until its role is done with it', async () => {
    const { outbox, gateway, connect } = new TestGateway({ streamsActiveMax: 1 });
    outbox.gate = () => new Promise(() => {});
    const client = connect();
    for (let times = 0; times < 20; times++) client.query(1, BY_AUTHOR);
    await client.story();
    expect(gateway.counters.pages).toBeLessThanOrEqual(2);
  });
});

describe('submissions', () => {
  test('are copied out of the buffer they came in, and answered in one write', async () => {
    const { outbox, connect } = new TestGateway();
    const client = connect(fakeKey(4));
    const records = [1, 2, 3].map((timestamp) => fakeRecord({ timestamp, payloadBytes: 9 }));
    for (const record of records) client.submit(record);
    expect(await client.story()).toEqual([
      'result ACCEPTED 1.0',
      'result ACCEPTED 2.0',
      'result ACCEPTED 3.0',
    ]);
    expect(client.socket.writes).toBe(1);
    const received = outbox.batches.flat();
    expect(received.map(({ record }) => record.bytes)).toEqual(records.map(({ bytes }) => bytes));
    expect(received.every(({ submitter }) => submitter?.[0] === 4)).toBe(true);
    expect(outbox.batches).toHaveLength(1);
  });

  test('that are plainly invalid ask no role', async () => {
    const { outbox, connect } = new TestGateway();
    const client = connect();
    const breakages = [48, 62, 63, 128, 136, 137, 146, 0] as const;
    for (const at of breakages) {
      const record = fakeRecord({ tags: [notifyTag(fakeKey(2))] });
      if (at === 146) writeU16(record.bytes, at, 63);
      else record.bytes[at] = at === 48 ? 0 : at === 63 ? 0x08 : 0x80;
      client.submit(record);
    }
    const badTags = fakeRecord({ tags: [notifyTag(fakeKey(2))] });
    writeU16(badTags.bytes, 152, 41);
    client.submit(badTags);
    const story = await client.story();
    expect(story).toHaveLength(breakages.length + 1);
    expect(story.every((line) => line.startsWith('result INVALID'))).toBe(true);
    expect(outbox.batches).toHaveLength(0);
  });

  test('one client may have only so much under way', async () => {
    const { outbox, connect, gateway } = new TestGateway({ connectionSubmissionsMax: 2 });
    let open = (): void => {};
    outbox.gate = () =>
      new Promise((resolve) => {
        open = resolve;
      });
    const client = connect();
    for (const timestamp of [1, 2, 3]) client.submit(fakeRecord({ timestamp }));
    const other = connect();
    other.submit(fakeRecord({ timestamp: 4 }));
    expect(await client.story()).toEqual(['result TOO_FAST 3.0']);
    expect(gateway.counters.submissionsInFlight).toBe(3);
    open();
    expect(await client.story()).toEqual(['result ACCEPTED 1.0', 'result ACCEPTED 2.0']);
    expect(await other.story()).toEqual(['result ACCEPTED 4.0']);
    expect(gateway.counters.submissionsInFlight).toBe(0);
    expect(gateway.counters.submissionResults.get(RESULT.ACCEPTED)).toBe(3);
  });

  test('whose client is gone are answered to nobody', async () => {
    const { connect, gateway } = new TestGateway();
    const client = connect();
    client.submit(fakeRecord());
    client.socket.handler.closed();
    expect(await client.story()).toEqual([]);
    expect(gateway.counters.submissionsInFlight).toBe(0);
    expect(gateway.counters.connectionsOpen).toBe(0);
  });
});

test('a query id that is used again silences the older request', async () => {
  const { outbox, connect } = new TestGateway();
  outbox.store(fakeRecord({ timestamp: 1 }));
  outbox.store(fakeRecord({ timestamp: 2, author: fakeKey(2) }));
  const gates: (() => void)[] = [];
  outbox.gate = () => new Promise((resolve) => gates.push(resolve));
  const client = connect();
  client.query(7, BY_AUTHOR);
  client.subscribe(7, BY_AUTHOR);
  client.send(
    encodeMessage({ name: 'get', queryId: 7, references: [fakeRecord({ timestamp: 2 }).id] }),
  );
  client.query(7, [{ name: 'authors', keys: [fakeKey(2)] }]);
  await quiet();
  for (const open of gates.reverse()) open();
  expect(await client.story()).toEqual(['record 7 2.0', 'closed 7 SUCCESS']);
});
