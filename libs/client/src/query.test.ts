/** Queries and gets: completeness, cancellation, resumption, slow callers, lying servers. */
import {
  type FilterElementInput,
  type Message,
  RecordView,
  RESULT,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ClientOptions } from './options.ts';
import { type ClientEvent, connect, type MosaicClient } from './index.ts';
import { AUTHOR, flipByte, makeRecord } from '../test/records.ts';
import { startTestServer, type TestConnection, type TestServer } from '../test/mosaic-server.ts';

const FILTER: FilterElementInput[] = [{ name: 'authors', keys: [AUTHOR] }];
const opened: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const resource of opened.splice(0).reverse()) await resource.close();
});

type Intercept = (connection: TestConnection, message: Message, server: TestServer) => boolean;

async function start(
  records: readonly RecordView[],
  options: Partial<ClientOptions> = {},
  intercept: Intercept = () => false,
): Promise<{ server: TestServer; client: MosaicClient }> {
  const server: TestServer = await startTestServer({
    intercept: (connection, message) => intercept(connection, message, server),
  });
  opened.push(server);
  for (const record of records) server.receive(record);
  const client = await connect({
    url: server.url,
    reconnect: { initialMs: 1, maxMs: 10 },
    retry: { initialMs: 1, maxMs: 10 },
    verify: false,
    ...options,
  });
  opened.push(client);
  return { server, client };
}

function ids(records: readonly RecordView[]): string[] {
  return records.map(({ id }) => Buffer.from(id).toString('hex'));
}

async function collect(source: AsyncIterable<RecordView>): Promise<string[]> {
  const records: RecordView[] = [];
  for await (const record of source) records.push(record);
  return ids(records);
}

function newestFirst(records: readonly RecordView[]): string[] {
  return ids(records).sort().reverse();
}

const MANY = Array.from({ length: 300 }, (_, i) => makeRecord(1_000_000 + Math.floor(i / 7)));

describe('query', () => {
  it('gives what matches, newest first, up to the limit', async () => {
    const { client } = await start(MANY, { verify: true });
    const all = newestFirst(MANY);
    expect(await collect(client.query(FILTER))).toEqual(all);
    expect(await collect(client.query(FILTER, { limit: 10 }))).toEqual(all.slice(0, 10));
    const until = timestampFromMillis(1_000_000);
    expect(await collect(client.query([...FILTER, { name: 'until', timestamp: until }]))).toEqual(
      newestFirst(MANY.slice(0, 7)),
    );
    expect(await collect(client.query([{ name: 'authors', keys: [] }]))).toEqual([]);
  });

  it('throws the refusal', async () => {
    const { client } = await start([], {}, (connection, message) => {
      if (message.name !== 'query') return false;
      const { queryId } = message;
      connection.send({ name: 'queryClosed', queryId, result: RESULT.TOO_OPEN });
      return true;
    });
    await expect(collect(client.query(FILTER))).rejects.toMatchObject({ code: 'too-open' });
    expect(() => client.query(FILTER, { limit: 70_000 })).toThrow('limit');
  });

  it('repeats what may work later, a bounded number of times, and says so', async () => {
    let refusals = 3;
    const events: ClientEvent[] = [];
    const { client, server } = await start(
      MANY.slice(0, 5),
      {
        retry: { initialMs: 1, maxMs: 1, attemptsMax: 4 },
        onEvent: (event) => events.push(event),
      },
      (connection, message) => {
        if (message.name !== 'query' || refusals === 0) return false;
        refusals -= 1;
        const { queryId } = message;
        connection.send({ name: 'queryClosed', queryId, result: RESULT.TOO_FAST });
        return true;
      },
    );
    expect(await collect(client.query(FILTER))).toHaveLength(5);
    const retries = events.filter(({ name }) => name === 'retrying');
    expect(retries).toMatchObject([1, 2, 3].map((attempt) => ({ attempt })));
    expect(retries[0]).toMatchObject({ error: { code: 'too-fast' } });
    refusals = Number.POSITIVE_INFINITY;
    await expect(collect(client.query(FILTER))).rejects.toMatchObject({ code: 'too-fast' });
    expect(server.accepted).toBe(1);
  });

  it('goes on after lost connections: everything once, in order, within the limit', async () => {
    const { client, server } = await start(MANY);
    for (const limit of [0, 150]) {
      const seen: RecordView[] = [];
      for await (const record of client.query(FILTER, { limit })) {
        seen.push(record);
        if (seen.length % 40 === 0) server.drop();
      }
      expect(ids(seen)).toEqual(newestFirst(MANY).slice(0, limit === 0 ? undefined : limit));
    }
    expect(server.accepted).toBeGreaterThan(4);
  });

  it('fails where there is no connection for too long', async () => {
    const { client, server } = await start([], { retry: { timeoutMs: 50 } });
    const { port } = server;
    await server.close();
    opened.splice(opened.indexOf(server), 1);
    await expect(collect(client.query(FILTER))).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'no-connection',
    });
    expect(port).toBeGreaterThan(0);
  });

  it('asks again where the server owes an answer for too long', async () => {
    let ignored = 1;
    const { client, server } = await start(
      MANY.slice(0, 3),
      { answerTimeoutMs: 40 },
      (_, message) => {
        ignored -= message.name === 'query' ? 1 : 0;
        return message.name === 'query' && ignored >= 0;
      },
    );
    expect(await collect(client.query(FILTER))).toHaveLength(3);
    expect(server.accepted).toBe(1);
  });
});

describe('leaving a query', () => {
  it.each(['break', 'close', 'abort'])('tells the server: %s', async (way) => {
    const { client, server } = await start(MANY, { bufferBytesMax: 2_000 });
    const abort = new AbortController();
    const query = client.query(FILTER, { signal: abort.signal });
    const leave = async (): Promise<void> => {
      for await (const _ of query) {
        if (way === 'break') break;
        if (way === 'close') query.close();
        else abort.abort();
      }
    };
    if (way === 'abort') await expect(leave()).rejects.toThrow(/aborted/);
    else await leave();
    const [connection] = server.connections;
    await vi.waitFor(() => expect(connection?.received).toEqual(['query', 'unsubscribe']));
    await vi.waitFor(() => expect(connection?.running.size).toBe(0));
    expect(await query.next()).toEqual({ done: true, value: undefined });
    // The connection is none the worse for it.
    expect(await collect(client.query(FILTER, { limit: 3 }))).toHaveLength(3);
  });

  it('wakes up who waits for the next record', async () => {
    const { client } = await start([], {}, () => true);
    const query = client.query(FILTER);
    const next = query.next();
    query.close();
    expect(await next).toEqual({ done: true, value: undefined });
  });
});

describe('a slow caller', () => {
  const big = Array.from({ length: 120 }, (_, i) => makeRecord(2_000_000 + i, 'x'.repeat(100_000)));

  it('holds the server back and loses nothing', async () => {
    const { client, server } = await start(big, { bufferBytesMax: 1_000_000 });
    const query = client.query(FILTER);
    const first = await query.next();
    expect(first.done).toBe(false);
    const [connection] = server.connections;
    await vi.waitFor(() => expect(connection?.websocket.bufferedAmount).toBeGreaterThan(200_000));
    expect(server.recordsSent).toBeLessThan(big.length);
    expect(await collect(query)).toEqual(newestFirst(big).slice(1));
    expect(server.recordsSent).toBe(big.length);
  });

  it('may publish and ask in its loop although its buffer is full', async () => {
    const { client, server } = await start(big, { bufferBytesMax: 250_000 });
    const outside = makeRecord(1);
    server.receive(outside);
    const seen: RecordView[] = [];
    for await (const record of client.query([...FILTER, SINCE_BIG])) {
      seen.push(record);
      await client.publish(makeRecord(10 + seen.length));
      expect(await client.getOne(outside.id)).toBeDefined();
    }
    expect(ids(seen)).toEqual(newestFirst(big));
  });

  it('may walk through one query inside another', async () => {
    const { client } = await start(big.slice(0, 30), { bufferBytesMax: 250_000 });
    let count = 0;
    for await (const outer of client.query(FILTER)) {
      expect(outer.bytes.length).toBeGreaterThan(100_000);
      for await (const inner of client.query(FILTER)) count += inner.bytes.length > 0 ? 1 : 0;
    }
    expect(count).toBe(900);
  });
});

const SINCE_BIG: FilterElementInput = { name: 'since', timestamp: timestampFromMillis(2_000_000) };

describe('get', () => {
  it('gives what is there, in portions, each record once', async () => {
    const { client, server } = await start(MANY);
    const missing = makeRecord(5).id;
    const references = MANY.flatMap(({ id, address }) => [id, id, address]);
    const got = await collect(client.get([...references, missing]));
    expect(got.sort()).toEqual(ids(MANY).sort());
    expect([...server.connections][0]?.received).toEqual(['get', 'get']);
    expect(await client.getOne(missing)).toBeUndefined();
    const [first = makeRecord(1)] = MANY;
    expect((await client.getOne(first.id))?.bytes).toEqual(first.bytes);
    expect(() => client.get([new Uint8Array(3)])).toThrow('48 bytes');
  });

  it('goes on after lost connections', async () => {
    const { client, server } = await start(MANY);
    const seen: RecordView[] = [];
    const references = MANY.map(({ id, address }, i) => (i % 2 === 0 ? id : address));
    for await (const record of client.get(references)) {
      seen.push(record);
      if (seen.length % 60 === 0) server.drop();
    }
    expect(ids(seen).sort()).toEqual(ids(MANY).sort());
    expect(server.accepted).toBeGreaterThan(2);
  });
});

describe('a lying server', () => {
  function answering(record: RecordView, times = 1): Intercept {
    return (connection, message) => {
      if (message.name !== 'query' && message.name !== 'get') return false;
      const { queryId } = message;
      for (let i = 0; i < times; i++) connection.send({ name: 'record', queryId, record });
      return true;
    };
  }
  const fault = { kind: 'invalid', code: 'server-record' };

  it('is noticed where a record does not match or was not asked for', async () => {
    const { client } = await start([], {}, answering(makeRecord(1)));
    const other: FilterElementInput[] = [{ name: 'authors', keys: [new Uint8Array(32).fill(7)] }];
    await expect(collect(client.query(other))).rejects.toMatchObject(fault);
    await expect(client.getOne(makeRecord(2).id)).rejects.toMatchObject(fault);
  });

  it('is noticed where a record was altered, even without verification', async () => {
    const altered = new RecordView(makeRecord(1).bytes.slice());
    flipByte(altered, 152);
    const { client } = await start([], { verify: false }, answering(altered));
    await expect(collect(client.query(FILTER))).rejects.toMatchObject(fault);
  });

  it('is noticed where a signature is forged, with verification', async () => {
    const forged = new RecordView(makeRecord(1).bytes.slice());
    flipByte(forged, forged.bytes.length - 1);
    const { client } = await start([], { verify: true }, answering(forged));
    await expect(collect(client.query(FILTER))).rejects.toMatchObject(fault);
  });

  it('is noticed where it sends more than the limit', async () => {
    const { client } = await start([], {}, answering(makeRecord(1), 3));
    await expect(collect(client.query(FILTER, { limit: 2 }))).rejects.toMatchObject(fault);
  });

  it('is noticed where it completes what is no subscription', async () => {
    const { client } = await start([], {}, (connection, message) => {
      if (message.name === 'query') {
        connection.send({ name: 'locallyComplete', queryId: message.queryId });
      }
      return true;
    });
    await expect(collect(client.query(FILTER))).rejects.toMatchObject({ code: 'server-message' });
  });
});

it('refuses more open requests than it was told', async () => {
  const { client } = await start([], { openQueriesMax: 2 }, () => true);
  const open = [client.query(FILTER), client.query(FILTER)];
  const waiting = open.map((query) => query.next());
  await expect(client.query(FILTER).next()).rejects.toMatchObject({ code: 'open-queries' });
  for (const query of open) query.close();
  await Promise.all(waiting);
});
