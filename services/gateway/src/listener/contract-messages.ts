/** The listener contract, second part: messages, back pressure and the end of connections. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  connectClient,
  connectRaw,
  connectRawWebSocket,
  type ContractClient,
  frameHead,
} from './contract-client.ts';
import {
  type Accepted,
  eventually,
  type ListenerFixture,
  type Open,
  pair,
  type Reactions,
} from './contract-server.ts';
import { DRAIN_MARK_BYTES } from './listener.ts';
import { LISTENER_LIMITS } from './listener-limits.ts';

const { messageBytesMax } = LISTENER_LIMITS;
const CLOSING_TOO_LARGE = Buffer.of(0xfe, 38, 0, 0, 0, 0, 0, 0);

const echo: Reactions = {
  message: ({ socket }, bytes) => void socket.send(bytes),
};

function describeMessages(open: Open): void {
  it('carries messages of every length form, up to the limit', async () => {
    const { client } = await pair(await open(echo));
    const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, messageBytesMax];
    const messages = lengths.map((length) => randomBytes(length));
    for (const [i, message] of messages.entries()) {
      client.websocket.send(message);
      await eventually(() => client.messages.length).toBe(i + 1);
    }
    expect(Buffer.concat(client.messages).equals(Buffer.concat(messages))).toBe(true);
    expect(client.messages.map((message) => message.length)).toEqual(lengths);
  });

  it('puts fragments together, with a ping between them', async () => {
    const { client, accepted } = await pair(await open());
    const message = randomBytes(200_000);
    client.websocket.send(message.subarray(0, 5), { fin: false });
    client.websocket.ping();
    client.websocket.send(message.subarray(5, 100_000), { fin: false });
    client.websocket.send(message.subarray(100_000), { fin: true });
    await eventually(() => accepted.messages.length).toBe(1);
    expect(accepted.messages[0]?.equals(message)).toBe(true);
  });

  it('tells of text messages', async () => {
    const { client, accepted } = await pair(await open());
    client.websocket.send('hello');
    await eventually(() => accepted.calls).toEqual(['text']);
    expect(accepted.messages).toEqual([]);
  });

  it('does not keep what it was given to send', async () => {
    const { client, accepted } = await pair(await open());
    const buffer = new Uint8Array(40_000);
    const write = (): void => {
      for (let i = 1; i <= 50; i++) accepted.socket.send(buffer.fill(i));
    };
    write();
    accepted.socket.cork(write);
    buffer.fill(0xff);
    await eventually(() => client.messages.length).toBe(100);
    const expected = Array.from({ length: 100 }, (_, i) => (i % 50) + 1);
    expect(client.messages.map((message) => message[39_999])).toEqual(expected);
    expect(client.messages.every((message) => message.every((b) => b === message[0]))).toBe(true);
  });

  it('corks: everything arrives, in order, also where nothing or an error comes of it', async () => {
    const { client, accepted } = await pair(await open());
    const { socket } = accepted;
    socket.cork(() => {});
    expect(() =>
      socket.cork(() => {
        socket.send(Buffer.of(1));
        throw new Error('mine');
      }),
    ).toThrow('mine');
    socket.send(Buffer.of(2));
    socket.cork(() => {
      socket.send(Buffer.of(3));
      socket.send(Buffer.of(4));
      socket.close(4000, '');
    });
    await client.closed;
    expect(Buffer.concat(client.messages)).toEqual(Buffer.of(1, 2, 3, 4));
  });

  it('confines an error in a handler to its connection', async () => {
    const reactions: Reactions = {
      message(accepted, bytes) {
        if (bytes[0] === 13) throw new Error('bad luck');
        accepted.socket.send(bytes);
      },
    };
    const server = await open(reactions);
    const unlucky = await pair(server);
    const lucky = await pair(server);
    unlucky.client.websocket.send(Buffer.of(13));
    expect(await unlucky.client.closed).toEqual({ code: 1011, reason: 'internal error' });
    await eventually(() => unlucky.accepted.calls).toEqual(['closed']);
    expect(server.failures).toEqual([new Error('bad luck')]);
    lucky.client.websocket.send(Buffer.of(7));
    await eventually(() => lucky.client.messages).toEqual([Buffer.of(7)]);
  });
}

function describeTooLarge(fixture: ListenerFixture, open: Open): void {
  const lastWord: Reactions = {
    tooLarge: ({ socket }) => void socket.send(CLOSING_TOO_LARGE),
  };

  it.each([
    ['one byte', messageBytesMax + 1, 1],
    ['one byte, in fragments', messageBytesMax + 1, 3],
    ['twice the limit', messageBytesMax * 2, 1],
  ])('gives the handler a last word: %s too much', async (_what, length, fragments) => {
    const server = await open(lastWord);
    const { client, accepted } = await pair(server);
    const size = Math.ceil(length / fragments);
    const message = randomBytes(length);
    for (let i = 0; i < fragments; i++) {
      const fin = i === fragments - 1;
      client.websocket.send(message.subarray(i * size, (i + 1) * size), { fin });
    }
    expect((await client.closed).code).toBe(1009);
    expect(client.messages).toEqual([CLOSING_TOO_LARGE]);
    await eventually(() => accepted.calls).toEqual(['tooLarge', 'closed']);
    expect(accepted.messages).toEqual([]);
    expect(server.events).toEqual(['cut-too-large']);
  });

  it('buffers nothing of an endless message', async () => {
    const server = await open(lastWord);
    const raw = await connectRawWebSocket(server.listener);
    raw.socket.write(frameHead(2, 2 ** 40));
    await raw.ended;
    await eventually(() => server.accepted[0]?.calls.at(-1)).toBe('closed');
    expect(raw.received().includes(CLOSING_TOO_LARGE)).toBe(fixture.refusesByHead);
    expect(server.events).toEqual(['cut-too-large']);
  });
}

function describeClose(open: Open): void {
  it('closes with code and reason after what was sent, and then sends nothing', async () => {
    const server = await open();
    const { client, accepted } = await pair(server);
    const big = randomBytes(500_000);
    expect(accepted.socket.send(big)).toBe(true);
    accepted.socket.close(4001, 'enough');
    accepted.socket.close(4002, 'again');
    expect(accepted.socket.send(Buffer.of(1))).toBe(false);
    expect(await client.closed).toEqual({ code: 4001, reason: 'enough' });
    expect(client.messages.map((message) => message.equals(big))).toEqual([true]);
    await eventually(() => accepted.calls).toEqual(['closed']);
    expect(accepted.socket.bufferedBytes).toBe(0);
    expect(server.listener.connections).toBe(0);
  });

  it('shortens a reason that does not fit, between characters', async () => {
    const { client, accepted } = await pair(await open());
    accepted.socket.close(4000, `x${'é'.repeat(100)}`);
    expect(await client.closed).toEqual({ code: 4000, reason: `x${'é'.repeat(61)}` });
  });

  it('receives nothing after close()', async () => {
    const reactions: Reactions = { message: ({ socket }) => socket.close(4000, 'one is enough') };
    const { client, accepted } = await pair(await open(reactions));
    for (let i = 0; i < 5; i++) client.websocket.send(Buffer.of(i));
    await client.closed;
    await eventually(() => accepted.calls).toEqual(['closed']);
    expect(accepted.messages).toEqual([Buffer.of(0)]);
  });

  it('may be closed while it is being accepted', async () => {
    const server = await open({ accept: ({ socket }) => socket.close(4003, 'banned') });
    const client = await connectClient(server.listener);
    expect(await client.closed).toEqual({ code: 4003, reason: 'banned' });
    await eventually(() => server.accepted[0]?.calls).toEqual(['closed']);
    expect(server.listener.connections).toBe(0);
  });

  const departures: [string, (client: ContractClient) => void][] = [
    ['closes', (client) => client.websocket.close(1000)],
    ['closes as the listener itself would', (client) => client.websocket.close(1009)],
    ['vanishes', (client) => client.websocket.terminate()],
  ];
  it.each(departures)('notices that the client %s', async (_what, leave) => {
    const server = await open();
    const { client, accepted } = await pair(server);
    leave(client);
    await eventually(() => accepted.calls).toEqual(['closed']);
    expect(server.listener.connections).toBe(0);
    expect(accepted.socket.send(Buffer.of(1))).toBe(false);
    expect(accepted.socket.bufferedBytes).toBe(0);
    accepted.socket.close(1000, 'too late');
    accepted.socket.cork(() => {});
  });

  it('closes on a frame that breaks the protocol', async () => {
    const server = await open();
    const raw = await connectRawWebSocket(server.listener);
    raw.socket.write(frameHead(0x72, 0));
    await raw.ended;
    await eventually(() => server.accepted[0]?.calls).toEqual(['closed']);
  });

  it('does not wait long for a peer that does not answer the close frame', async () => {
    const server = await open({}, { limits: { closeTimeoutMs: 200 } });
    const raw = await connectRawWebSocket(server.listener);
    const begin = performance.now();
    server.accepted[0]?.socket.close(4000, '');
    await raw.ended;
    await eventually(() => server.accepted[0]?.calls).toEqual(['closed']);
    expect(performance.now() - begin).toBeLessThan(5000);
  });

  it('closes with everything open, and twice', async () => {
    const server = await open({}, { limits: { closeTimeoutMs: 300 } });
    const { client, accepted } = await pair(server);
    const silent = await connectRawWebSocket(server.listener);
    const handshaking = await connectRaw(server.listener, false);
    await Promise.all([server.listener.close(), server.listener.close()]);
    expect((await client.closed).code).toBe(1001);
    await Promise.all([silent.ended, handshaking.ended]);
    await eventually(() => accepted.calls).toEqual(['closed']);
    expect(server.listener.connections).toBe(0);
    await expect(connectRaw(server.listener)).rejects.toThrow();
  });
}

function describeOutput(open: Open): void {
  const chunk = new Uint8Array(60_000).fill(5);

  it('says when a reader has caught up', async () => {
    const server = await open({}, { limits: { outputBytesMax: 64_000_000 } });
    const { client, accepted } = await pair(server);
    client.websocket.pause();
    let sent = 0;
    // Past what the kernels on both sides take, so that it can't drain by itself.
    while (accepted.socket.bufferedBytes < 20_000_000) {
      expect(accepted.socket.send(chunk)).toBe(true);
      sent += 1;
    }
    expect(accepted.calls).toEqual([]);
    client.websocket.resume();
    await eventually(() => accepted.calls).toContain('drained');
    expect(accepted.socket.bufferedBytes).toBe(0);
    await eventually(() => client.messages.length).toBe(sent);
    expect(client.messages.every((message) => message.equals(chunk))).toBe(true);
  });

  it('lets a sender that waits at the mark stream without end', async () => {
    let left = 1000;
    const stream = ({ socket }: Accepted): void => {
      while (left > 0 && socket.bufferedBytes < DRAIN_MARK_BYTES) {
        left -= 1;
        socket.send(chunk);
      }
    };
    const server = await open({ accept: stream, drained: stream });
    const client = await connectClient(server.listener);
    await eventually(() => client.messages.length).toBe(1000);
  });

  it('cuts a client that does not read before it costs too much memory', async () => {
    const outputBytesMax = 3_000_000;
    const server = await open({}, { limits: { outputBytesMax } });
    const { client, accepted } = await pair(server);
    client.websocket.pause();
    let most = 0;
    for (let i = 0; i < 10_000 && accepted.socket.send(chunk); i++) {
      most = Math.max(most, accepted.socket.bufferedBytes);
    }
    expect(most).toBeGreaterThan(outputBytesMax / 2);
    expect(most).toBeLessThanOrEqual(outputBytesMax);
    expect(accepted.socket.send(chunk)).toBe(false);
    expect(accepted.calls).toEqual([]);
    await eventually(() => accepted.calls).toEqual(['closed']);
    expect(server.events).toEqual(['cut-output']);
    expect(accepted.socket.bufferedBytes).toBe(0);
    await eventually(() => server.listener.connections).toBe(0);
    client.websocket.resume();
    expect((await client.closed).code).toBe(1006);
  });
}

/** All of this part. */
export function describeTraffic(fixture: ListenerFixture, open: Open): void {
  describe('messages', () => describeMessages(open));
  describe('messages above the limit', () => describeTooLarge(fixture, open));
  describe('closing', () => describeClose(open));
  describe('output', () => describeOutput(open));
  describe('address', () => {
    it('is the one of the peer', async () => {
      const { accepted } = await pair(await open());
      expect(accepted.socket.remoteAddress).toBe('127.0.0.1');
      expect(accepted.socket.clientKey).toBeUndefined();
    });
    it('is IPv4 also for a socket that listens on both', async () => {
      const server = await open({}, { host: '::' });
      const { port } = server.listener;
      const scheme = fixture.tls ? 'wss' : 'ws';
      await connectClient({ url: `${scheme}://127.0.0.1:${port}/` });
      await connectClient({ url: `${scheme}://[::1]:${port}/` });
      const addresses = server.accepted.map(({ socket }) => socket.remoteAddress);
      expect(addresses).toEqual(['127.0.0.1', '::1']);
    });
  });
}
