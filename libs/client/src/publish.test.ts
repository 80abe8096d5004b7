/** Publishing: results, retries, flow control. */
import {
  encodeClosing,
  encodeSubmissionResult,
  type Message,
  RecordView,
  RESULT,
  type ResultCode,
} from '@mosaic-cluster/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ClientOptions } from './options.ts';
import { connect, type MosaicClient, type PublishOutcome, ResultError } from './index.ts';
import { flipByte, makeRecord } from '../test/records.ts';
import { startTestServer, type TestConnection, type TestServer } from '../test/mosaic-server.ts';

const opened: { close(): Promise<unknown> }[] = [];

afterEach(async () => {
  for (const resource of opened.splice(0).reverse()) await resource.close();
});

type Intercept = (connection: TestConnection, message: Message, server: TestServer) => boolean;

async function start(
  intercept: Intercept = () => false,
  options: Partial<ClientOptions> = {},
): Promise<{ server: TestServer; client: MosaicClient }> {
  const server: TestServer = await startTestServer({
    intercept: (connection, message) => intercept(connection, message, server),
  });
  opened.push(server);
  const client = await connect({
    url: server.url,
    reconnect: { initialMs: 1, maxMs: 10 },
    retry: { initialMs: 1, maxMs: 10 },
    drainTimeoutMs: 0,
    ...options,
  });
  opened.push(client);
  return { server, client };
}

function answer(connection: TestConnection, message: Message, result: number): void {
  if (message.name !== 'submission') return;
  connection.sendBytes(encodeSubmissionResult(result, message.record.id));
}

describe('publish', () => {
  it('resolves with what the server says', async () => {
    const { client, server } = await start();
    const record = makeRecord(1);
    const id = record.id.slice();
    expect(await client.publish(record)).toEqual({
      id,
      result: RESULT.ACCEPTED,
      resultName: 'ACCEPTED',
      attempts: 1,
    });
    expect(await client.publish(record.bytes)).toMatchObject({ resultName: 'DUPLICATE' });
    await expect(client.publish(record, { acceptDuplicate: false })).rejects.toMatchObject({
      code: 'duplicate',
    });
    expect(server.stored).toHaveLength(1);
    await expect(client.publish(new Uint8Array(3))).rejects.toMatchObject({ code: 'record' });
  });

  it.each([
    ['INVALID', 'invalid'],
    ['UNAUTHORIZED', 'unauthorized'],
    ['REQUIRES_AUTHENTICATION', 'unauthorized'],
    ['TOO_LARGE', 'invalid'],
    ['PUBKEY_TEMP_BANNED', 'limited'],
    ['PERSISTENT_ERROR', 'internal'],
  ] as const)('throws for %s', async (name, kind) => {
    const { client } = await start((connection, message) => {
      answer(connection, message, RESULT[name]);
      return true;
    });
    const refused = client.publish(makeRecord(1));
    await expect(refused).rejects.toBeInstanceOf(ResultError);
    await expect(refused).rejects.toMatchObject({
      kind,
      code: name.toLowerCase().replaceAll('_', '-'),
      result: RESULT[name],
    });
  });

  it('throws for a code that nobody defined', async () => {
    const { client } = await start((connection, message) => {
      answer(connection, message, 99);
      return true;
    });
    await expect(client.publish(makeRecord(1))).rejects.toMatchObject({ code: 'result-99' });
  });

  it('repeats what may work later', async () => {
    const codes: ResultCode[] = [
      RESULT.TOO_FAST,
      RESULT.TEMPORARY_ERROR,
      RESULT.SHUTTING_DOWN,
      RESULT.ACCEPTED,
    ];
    const { client } = await start((connection, message) => {
      answer(connection, message, codes.shift() ?? RESULT.GENERAL_ERROR);
      return true;
    });
    expect(await client.publish(makeRecord(1))).toMatchObject({
      result: RESULT.ACCEPTED,
      attempts: 4,
    });
  });

  it('gives up after as many attempts as it was told', async () => {
    let sent = 0;
    const { client } = await start(
      (connection, message) => {
        sent += 1;
        answer(connection, message, RESULT.TOO_FAST);
        return true;
      },
      { retry: { initialMs: 1, maxMs: 2, attemptsMax: 3 } },
    );
    await expect(client.publish(makeRecord(1))).rejects.toMatchObject({
      code: 'too-fast',
      retryable: true,
    });
    expect(sent).toBe(3);
  });

  it('sends again what a lost connection left open, and takes DUPLICATE for success', async () => {
    let drops = 2;
    const { client, server } = await start((connection, message, running) => {
      if (message.name === 'submission' && drops > 0) {
        drops -= 1;
        running.receive(message.record);
        connection.drop();
        return true;
      }
      return false;
    });
    expect(await client.publish(makeRecord(1), { acceptDuplicate: false })).toMatchObject({
      result: RESULT.DUPLICATE,
      attempts: 3,
    });
    expect(server.stored).toHaveLength(1);
    expect(server.accepted).toBe(3);
  });

  it('says that the outcome is unknown where time runs out', async () => {
    const { client } = await start(() => true);
    await expect(client.publish(makeRecord(1), { timeoutMs: 30 })).rejects.toMatchObject({
      code: 'publish-timeout',
      message: expect.stringContaining('is not known') as string,
    });
    const signal = AbortSignal.timeout(30);
    await expect(client.publish(makeRecord(2), { signal })).rejects.toThrow(/due to timeout/);
  });

  it('does not wait out a ban that is longer than the time it has', async () => {
    const { client } = await start((connection) => {
      connection.sendBytes(encodeClosing(RESULT.PUBKEY_TEMP_BANNED));
      connection.websocket.close(1008, 'banned');
      return true;
    });
    await expect(client.publish(makeRecord(1), { timeoutMs: 59_000 })).rejects.toMatchObject({
      code: 'publish-timeout',
      message: expect.stringContaining('banned') as string,
    });
  });

  it('replaces a connection whose server owes an answer for too long', async () => {
    let ignored = 1;
    const { client, server } = await start(
      () => {
        ignored -= 1;
        return ignored >= 0;
      },
      { answerTimeoutMs: 40 },
    );
    expect(await client.publish(makeRecord(1))).toMatchObject({ attempts: 2 });
    expect(server.accepted).toBe(2);
  });

  it('keeps results of records with the same ID prefix apart', async () => {
    const record = makeRecord(1);
    const forged = new RecordView(record.bytes.slice());
    flipByte(forged, forged.bytes.length - 1);
    const waiting: (() => void)[] = [];
    const { client } = await start((connection, message) => {
      if (message.name !== 'submission') return false;
      const isForged = message.record.bytes.at(-1) === forged.bytes.at(-1);
      const result = isForged ? RESULT.INVALID : RESULT.ACCEPTED;
      waiting.push(() => answer(connection, message, result));
      return true;
    });
    const outcomes = Promise.allSettled([
      client.publish(forged),
      client.publish(record),
      client.publish(forged),
    ]);
    for (let i = 0; i < 3; i++) {
      await vi.waitFor(() => expect(waiting).toHaveLength(1));
      waiting.pop()?.();
    }
    expect((await outcomes).map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'rejected',
    ]);
  });

  it('passes over results that nobody waits for', async () => {
    const { client } = await start((connection, message) => {
      if (message.name !== 'submission') return false;
      answer(connection, message, RESULT.ACCEPTED);
      answer(connection, message, RESULT.ACCEPTED);
      connection.sendBytes(encodeSubmissionResult(RESULT.INVALID, new Uint8Array(32)));
      return true;
    });
    expect(await client.publish(makeRecord(1))).toMatchObject({ attempts: 1 });
    expect(await client.publish(makeRecord(2))).toMatchObject({ attempts: 1 });
  });

  it('sends nothing more for a while where the server has enough', async () => {
    let sent = 0;
    const { client } = await start(
      (connection, message) => {
        if (message.name !== 'submission') return false;
        sent += 1;
        answer(connection, message, RESULT.TOO_FAST);
        return true;
      },
      {
        publish: { inFlightMax: 8 },
        retry: { initialMs: 60_000, maxMs: 60_000 },
        deps: { random: () => 1 },
      },
    );
    const all = Promise.allSettled(
      Array.from({ length: 100 }, (_, n) => client.publish(makeRecord(n))),
    );
    await vi.waitFor(() => expect(sent).toBe(8));
    // Whatever was sent before this has been seen when it is answered.
    await client.getOne(makeRecord(1).id);
    expect(sent).toBe(8);
    await client.close();
    await all;
  });

  it('refuses what finds no place in the queue', async () => {
    const { client } = await start(() => true, { publish: { inFlightMax: 1, queueMax: 1 } });
    const first = [client.publish(makeRecord(1)), client.publish(makeRecord(2))];
    await expect(client.publish(makeRecord(3))).rejects.toMatchObject({
      kind: 'limited',
      code: 'publish-queue',
    });
    const settled = Promise.allSettled(first);
    await client.close();
    await settled;
  });
});

describe('publishMany', () => {
  async function collect(outcomes: AsyncIterable<PublishOutcome>): Promise<PublishOutcome[]> {
    const all: PublishOutcome[] = [];
    for await (const outcome of outcomes) all.push(outcome);
    return all;
  }

  it('gives each record one outcome, over refusals and lost connections', async () => {
    const records = Array.from({ length: 200 }, (_, i) => makeRecord(i));
    let seen = 0;
    const { client, server } = await start((connection, message) => {
      if (message.name !== 'submission') return false;
      seen += 1;
      if (seen % 50 === 0) {
        connection.drop();
        return true;
      }
      if (seen % 7 !== 0) return false;
      answer(connection, message, RESULT.TOO_FAST);
      return true;
    });
    const source = [...records.map((record) => record.bytes), new Uint8Array(5)];
    const outcomes = await collect(client.publishMany(source, { inFlightMax: 20 }));
    expect(outcomes.map(({ index }) => index).sort((a, b) => a - b)).toEqual(
      source.map((_, i) => i),
    );
    expect(outcomes.filter(({ error }) => error !== undefined)).toMatchObject([
      { index: 200, error: { code: 'record' } },
    ]);
    expect(server.stored).toHaveLength(200);
  });

  it('takes no more from the source than may be under way', async () => {
    let taken = 0;
    const waiting: (() => void)[] = [];
    const { client } = await start((connection, message) => {
      waiting.push(() => answer(connection, message, RESULT.ACCEPTED));
      return true;
    });
    async function* source(): AsyncGenerator<RecordView> {
      for (let i = 0; i < 100; i++) {
        taken += 1;
        yield makeRecord(i);
      }
    }
    const outcomes = client.publishMany(source(), { inFlightMax: 8 });
    const first = outcomes.next();
    await vi.waitFor(() => expect(waiting).toHaveLength(8));
    for (const reply of waiting.splice(0)) reply();
    expect((await first).done).toBe(false);
    // Seven outcomes wait to be taken: one more record may start.
    await vi.waitFor(() => expect(waiting).toHaveLength(1));
    expect(taken).toBe(9);
    await outcomes.return();
    expect(taken).toBe(9);
  });

  it('keeps to the bound in bytes', async () => {
    let open = 0;
    let most = 0;
    const { client } = await start((connection, message) => {
      open += 1;
      most = Math.max(most, open);
      setImmediate(() => {
        open -= 1;
        answer(connection, message, RESULT.ACCEPTED);
      });
      return true;
    });
    const big = Array.from({ length: 20 }, (_, i) => makeRecord(i, 'x'.repeat(10_000)));
    const outcomes = await collect(client.publishMany(big, { bytesInFlightMax: 25_000 }));
    expect(outcomes).toHaveLength(20);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('throws what the source throws after the outcomes of what came before', async () => {
    const { client } = await start();
    async function* source(): AsyncGenerator<RecordView> {
      yield makeRecord(1);
      throw new Error('no more');
    }
    const outcomes = client.publishMany(source());
    expect(await outcomes.next()).toMatchObject({ value: { index: 0 } });
    await expect(outcomes.next()).rejects.toThrow('no more');
  });

  it('ends on abort', async () => {
    const { client } = await start(() => true);
    const abort = new AbortController();
    const outcomes = client.publishMany([makeRecord(1)], { signal: abort.signal });
    const first = outcomes.next();
    abort.abort();
    await expect(first).rejects.toThrow(/aborted/);
  });
});
