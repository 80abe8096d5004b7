/** Subscriptions: stored, then live, over any interruption, without gap or repetition. */
import {
  buildFilter,
  buildRecord,
  encodeRecordMessage,
  type FilterElementInput,
  FILTER_BYTES_MAX,
  type RecordView,
  RESULT,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ClientOptions } from './options.ts';
import {
  connect,
  type MosaicClient,
  type StreamIterator,
  type SubscriptionEvent,
} from './index.ts';
import { AUTHOR, AUTHOR_SECRET, makeRecord } from '../test/records.ts';
import { startTestServer, type TestServer, type TestServerOptions } from '../test/mosaic-server.ts';

const FILTER: FilterElementInput[] = [{ name: 'authors', keys: [AUTHOR] }];
/** Long before any overlap. */
const LONG_AGO_MS = 90_000_000;
const opened: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const resource of opened.splice(0).reverse()) await resource.close();
});

async function start(
  options: Partial<ClientOptions> = {},
  serverOptions: TestServerOptions = {},
): Promise<{ server: TestServer; client: MosaicClient }> {
  const server = await startTestServer(serverOptions);
  opened.push(server);
  const client = await connect({
    url: server.url,
    reconnect: { initialMs: 1, maxMs: 5 },
    retry: { initialMs: 1, maxMs: 5 },
    verify: false,
    ...options,
  });
  opened.push(client);
  return { server, client };
}

/** Takes events in the background. */
function follow(subscription: StreamIterator<SubscriptionEvent>): {
  ids: string[];
  names: string[];
  events: SubscriptionEvent[];
} {
  const seen = { ids: [] as string[], names: [] as string[], events: [] as SubscriptionEvent[] };
  const run = async (): Promise<void> => {
    for await (const event of subscription) {
      seen.events.push(event);
      if (event.name === 'record') seen.ids.push(idOf(event.record));
      else seen.names.push(event.name);
    }
  };
  run().catch((error: unknown) => seen.names.push(`failed: ${String(error)}`));
  return seen;
}

function idOf(record: RecordView): string {
  return Buffer.from(record.id).toString('hex');
}

function storedIds(server: TestServer): string[] {
  return server.stored.map(({ record }) => idOf(record)).sort();
}

describe('subscribe', () => {
  it('gives what is stored, says so, and goes on with what comes', async () => {
    const { client, server } = await start({ verify: true });
    for (let i = 0; i < 5; i++) server.receive(makeRecord(i));
    const subscription = client.subscribe(FILTER, { limit: 3 });
    const events: SubscriptionEvent[] = [];
    for await (const event of subscription) {
      events.push(event);
      if (event.name === 'locallyComplete') {
        await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(1));
        server.receive(makeRecord(1));
      }
      if (events.length === 5) break;
    }
    expect(events.map(({ name }) => name)).toEqual([
      'record',
      'record',
      'record',
      'locallyComplete',
      'record',
    ]);
    await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(0));
  });

  it('starts at once, before anybody asks for an event', async () => {
    const { client, server } = await start();
    const subscription = client.subscribe(FILTER);
    await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(1));
    subscription.close();
    await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(0));
  });

  it('throws a refusal and repeats what may work later', async () => {
    const results: number[] = [RESULT.TEMPORARY_ERROR, RESULT.TOO_FAST, RESULT.UNAUTHORIZED];
    const { client } = await start(
      {},
      {
        intercept(connection, message) {
          if (message.name !== 'subscribe') return false;
          const result = results.shift() ?? RESULT.SUCCESS;
          connection.send({ name: 'queryClosed', queryId: message.queryId, result });
          return true;
        },
      },
    );
    await expect(client.subscribe(FILTER).next()).rejects.toMatchObject({ code: 'unauthorized' });
    expect(results).toEqual([]);
  });

  it('fails with the reason when the client is closed', async () => {
    const { client, server } = await start();
    const next = client.subscribe(FILTER).next();
    await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(1));
    const first = await next;
    expect(first.value).toEqual({ name: 'locallyComplete' });
    const subscription = client.subscribe(FILTER);
    await subscription.next();
    const pending = subscription.next();
    const refused = expect(pending).rejects.toMatchObject({ kind: 'closed' });
    await client.close();
    await refused;
  });
});

describe('resumption', () => {
  it('brings what came in the meantime, once, and says so', async () => {
    const { client, server } = await start();
    server.receive(makeRecord(1));
    const seen = follow(client.subscribe(FILTER));
    await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(1));
    server.receive(makeRecord(2));
    await vi.waitFor(() => expect(seen.ids).toHaveLength(2));
    server.drop();
    server.receive(makeRecord(0));
    await vi.waitFor(() => expect(seen.names).toContain('resumed'));
    await vi.waitFor(() => expect(seen.ids).toHaveLength(3));
    expect(seen.names).toEqual(['locallyComplete', 'interrupted', 'resumed']);
    expect(seen.events.at(-1)).toEqual({ name: 'resumed', isOverlapSeen: true });
    expect([...seen.ids].sort()).toEqual(storedIds(server));
  });

  it('reaches back far enough where this clock is hours ahead of the server', async () => {
    const aheadMs = 3_600_000;
    const { client, server } = await start({ deps: { now: () => Date.now() + aheadMs } });
    const seen = follow(client.subscribe(FILTER));
    await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(1));
    server.receive(makeRecord(1));
    await vi.waitFor(() => expect(seen.ids).toHaveLength(1));
    server.drop();
    server.receive(makeRecord(2));
    await vi.waitFor(() => expect(seen.names).toContain('resumed'));
    expect([...seen.ids].sort()).toEqual(storedIds(server));
    expect(seen.events.at(-1)).toEqual({ name: 'resumed', isOverlapSeen: true });
  });

  it('says where it cannot tell whether something is missing', async () => {
    const { client, server } = await start();
    const seen = follow(client.subscribe(FILTER));
    await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(1));
    server.drop();
    await vi.waitFor(() => expect(seen.names).toContain('resumed'));
    expect(seen.events.at(-1)).toEqual({ name: 'resumed', isOverlapSeen: undefined });
    server.receive(makeRecord(1));
    await vi.waitFor(() => expect(seen.ids).toHaveLength(1));
    server.stored.length = 0;
    server.drop();
    await vi.waitFor(() => expect(seen.names.filter((name) => name === 'resumed')).toHaveLength(2));
    expect(seen.events.at(-1)).toEqual({ name: 'resumed', isOverlapSeen: false });
  });

  it('works beside limits on reception that the filter has already, and without room for more', async () => {
    const since = timestampFromMillis(Date.now() - 1_000);
    const received: FilterElementInput[] = [...FILTER, { name: 'receivedSince', timestamp: since }];
    const { client, server } = await start();
    const padding: FilterElementInput[] = Array.from({ length: 32 }, () => ({
      name: 'excludedTags' as const,
      tags: [{ type: 0x7777, value: new Uint8Array(2_020) }],
    }));
    // As long as a filter can be: what is left takes a tag of the right length.
    const rest = FILTER_BYTES_MAX - buildFilter([...FILTER, ...padding]).bytes.length;
    padding.push({
      name: 'excludedTags',
      tags: [{ type: 0x7777, value: new Uint8Array(Math.max(0, rest - 12)) }],
    });
    const full = buildFilter([...FILTER, ...padding]);
    expect(full.bytes.length).toBeGreaterThan(FILTER_BYTES_MAX - 16);
    const followers = [received, full].map((filter) => follow(client.subscribe(filter)));
    await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(2));
    server.receive(makeRecord(1));
    server.drop();
    server.receive(makeRecord(2));
    for (const seen of followers) {
      await vi.waitFor(() => expect(seen.ids).toHaveLength(2));
      await vi.waitFor(() => expect(seen.names).toContain('resumed'));
      expect([...seen.ids].sort()).toEqual(storedIds(server));
    }
  });

  it('goes on with the stored part where that was interrupted', async () => {
    const { client, server } = await start();
    for (let i = 0; i < 200; i++) {
      server.receive(makeRecord(5_000 + Math.floor(i / 9)), i % 3 === 0 ? 0 : LONG_AGO_MS);
    }
    const seen = follow(client.subscribe(FILTER));
    for (const at of [10, 70, 130]) {
      await vi.waitFor(() => expect(seen.ids.length).toBeGreaterThan(at), { interval: 1 });
      if (!seen.names.includes('locallyComplete')) server.drop();
      server.receive(makeRecord(1));
      server.receive(makeRecord(9_000));
    }
    await vi.waitFor(() => expect(seen.ids).toHaveLength(206));
    expect([...seen.ids].sort()).toEqual(storedIds(server));
    await vi.waitFor(() => expect(seen.names).toContain('locallyComplete'));
    expect(seen.names.filter((name) => name === 'locallyComplete')).toHaveLength(1);
  });

  it('takes up again where the server ends it for slowness, or without a reason', async () => {
    const { client, server } = await start();
    const seen = follow(client.subscribe(FILTER));
    for (const result of [RESULT.TEMPORARY_ERROR, RESULT.SUCCESS]) {
      const before = seen.ids.length;
      await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(1));
      for (const connection of server.connections) {
        for (const queryId of connection.subscriptions.keys()) {
          connection.subscriptions.delete(queryId);
          connection.send({ name: 'queryClosed', queryId, result });
        }
      }
      server.receive(makeRecord(1));
      await vi.waitFor(() => expect(seen.ids).toHaveLength(before + 1));
    }
    expect(seen.names.filter((name) => name === 'resumed')).toHaveLength(2);
    expect(server.accepted).toBe(1);
  });

  it('keeps a slow caller within its buffer and gives it everything in the end', async () => {
    const { client, server } = await start({ bufferBytesMax: 300_000 });
    const slow = client.subscribe(FILTER);
    expect((await slow.next()).value).toEqual({ name: 'locallyComplete' });
    // Somebody else waits on the same connection, so reading cannot simply stop.
    const other = follow(client.subscribe([{ name: 'authors', keys: [new Uint8Array(32)] }]));
    await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(2));
    for (let i = 0; i < 40; i++) server.receive(makeRecord(i, 'x'.repeat(50_000)));
    await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(1));
    const seen = follow(slow);
    await vi.waitFor(() => expect(seen.names).toContain('resumed'));
    await vi.waitFor(() => expect(seen.ids).toHaveLength(40));
    expect([...seen.ids].sort()).toEqual(storedIds(server));
    expect(other.names).toEqual(['locallyComplete']);
    expect(server.accepted).toBe(1);
  });
});

it('passes a repetition over and fails at what does not match', async () => {
  const { client, server } = await start();
  const seen = follow(client.subscribe(FILTER));
  await vi.waitFor(() => expect([...server.connections][0]?.subscriptions.size).toBe(1));
  const [connection] = server.connections;
  const [queryId = 0] = connection?.subscriptions.keys() ?? [];
  const record = makeRecord(1);
  for (let i = 0; i < 2; i++) connection?.sendBytes(encodeRecordMessage(queryId, record.bytes));
  connection?.sendBytes(encodeRecordMessage(queryId, makeRecord(2).bytes));
  await vi.waitFor(() => expect(seen.ids).toHaveLength(2));
  const stranger = buildRecord({
    kind: makeRecord(0).kind,
    timestamp: 5n,
    secretKey: new Uint8Array(32).fill(3),
  });
  connection?.sendBytes(encodeRecordMessage(queryId, stranger.bytes));
  await vi.waitFor(() => expect(seen.names.at(-1)).toMatch(/does not match/));
});

/** What a random run does, one step after the other. */
type Action = 'receive' | 'receiveMany' | 'drop' | 'end' | 'wait';

describe('whatever happens to the connection', () => {
  it('every stored record comes once', { timeout: 120_000 }, async () => {
    const action = fc.constantFrom<Action>('receive', 'receiveMany', 'drop', 'end', 'wait');
    const run = fc.record({
      stored: fc.integer({ min: 0, max: 90 }),
      skewMs: fc.integer({ min: -200_000, max: 200_000 }),
      actions: fc.array(action, { minLength: 1, maxLength: 25 }),
      bufferBytesMax: fc.constantFrom(3_000, 4_194_304),
    });
    await fc.assert(
      fc.asyncProperty(run, async ({ stored, skewMs, actions, bufferBytesMax }) => {
        const now = (): number => Date.now() + skewMs;
        const { client, server } = await start({ bufferBytesMax, probeIntervalMs: 20 }, { now });
        for (let i = 0; i < stored; i++) {
          server.receive(poolRecord(), i % 3 === 0 ? 0 : LONG_AGO_MS);
        }
        const subscription = client.subscribe(FILTER);
        const seen = follow(subscription);
        for (const step of actions) {
          await act(server, step);
          await new Promise<void>((resolve) => {
            setImmediate(resolve);
          });
        }
        await vi.waitFor(
          () => {
            expect(seen.names.filter((name) => name === 'locallyComplete')).toHaveLength(1);
            expect([...seen.ids].sort()).toEqual(storedIds(server));
          },
          { timeout: 5_000, interval: 5 },
        );
        // And goes on.
        await vi.waitFor(() => {
          expect([...server.connections][0]?.subscriptions.size).toBe(1);
        });
        server.receive(poolRecord());
        await vi.waitFor(() => expect([...seen.ids].sort()).toEqual(storedIds(server)));
        subscription.close();
        await client.close();
        await server.close();
        opened.length = 0;
      }),
      { numRuns: 60 },
    );
  });
});

async function act(server: TestServer, step: Action): Promise<void> {
  switch (step) {
    case 'receive':
      server.receive(poolRecord());
      break;
    case 'receiveMany':
      for (let i = 0; i < 20; i++) server.receive(poolRecord());
      break;
    case 'drop':
      server.drop();
      break;
    case 'end':
      for (const connection of server.connections) {
        for (const queryId of connection.subscriptions.keys()) {
          connection.subscriptions.delete(queryId);
          connection.send({ name: 'queryClosed', queryId, result: RESULT.TEMPORARY_ERROR });
        }
      }
      break;
    case 'wait':
      await new Promise<void>((resolve) => {
        setTimeout(resolve, 3);
      });
      break;
    default:
      throw new Error('no such action');
  }
}

/** Records with random and often equal timestamps, made once: signing takes a millisecond. */
const POOL = Array.from({ length: 700 }, (_, i) =>
  buildRecord({
    kind: makeRecord(0).kind,
    timestamp: timestampFromMillis(1_000_000 + ((i * 7_919) % 97)),
    secretKey: AUTHOR_SECRET,
  }),
);
let taken = 0;

function poolRecord(): RecordView {
  taken += 1;
  return POOL[taken % POOL.length] ?? makeRecord(0);
}
