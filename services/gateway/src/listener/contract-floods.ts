/** The listener contract, sixth part: clients that send much and mean nothing. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import {
  connectClient,
  connectRaw,
  connectRawWebSocket,
  type ContractClient,
  frameHead,
  upgradeRequest,
} from './contract-client.ts';
import {
  type ContractServer,
  eventually,
  type ListenerFixture,
  type Open,
  pair,
} from './contract-server.ts';
import type { Listener } from './listener.ts';

const HOSTILE = '127.0.0.2';
const echo = {
  message: ({ socket }: ContractServer['accepted'][number], bytes: Uint8Array) =>
    void socket.send(bytes),
};

/** One message there and back. */
async function roundTrip(client: ContractClient): Promise<void> {
  const before = client.messages.length;
  client.websocket.send(Buffer.of(1));
  await eventually(() => client.messages.length).toBe(before + 1);
}

function describeFrames(fixture: ListenerFixture, open: Open): void {
  it('answers pings, and cuts who floods with them, read or not', async () => {
    const server = await open(echo, { limits: { controlFramesMax: 50 } });
    const { client } = await pair(server);
    for (let i = 0; i < 50; i++) {
      client.websocket.ping();
      await once(client.websocket, 'pong');
    }
    await roundTrip(client);
    expect(server.events).toEqual([]);

    const flood = Buffer.concat(Array.from({ length: 5000 }, () => frameHead(9, 0)));
    const reader = await connectRawWebSocket(server.listener, HOSTILE);
    reader.socket.write(flood);
    await reader.ended;
    const mute = await connectRawWebSocket(server.listener, HOSTILE);
    mute.socket.pause();
    mute.socket.write(flood);
    await eventually(() => server.listener.connections).toBe(1);
    expect(server.events).toEqual(['cut-control', 'cut-control']);
    mute.socket.destroy();
    await roundTrip(client);
  });

  it('cuts who floods with pongs', async () => {
    const server = await open(echo, { limits: { controlFramesMax: 50 } });
    const raw = await connectRawWebSocket(server.listener, HOSTILE);
    raw.socket.write(Buffer.concat(Array.from({ length: 51 }, () => frameHead(10, 0))));
    await raw.ended;
    await eventually(() => server.events).toEqual(['cut-control']);
  });

  it('holds nothing for fragments without content, however many', async () => {
    const server = await open(echo);
    const { client } = await pair(server);
    const raw = await connectRawWebSocket(server.listener, HOSTILE);
    raw.socket.write(frameHead(2, 0, false));
    const nothing = Buffer.concat(Array.from({ length: 1000 }, () => frameHead(0, 0, false)));
    for (let i = 0; i < 40 && !raw.socket.closed; i++) {
      if (!raw.socket.write(nothing)) await Promise.race([once(raw.socket, 'drain'), raw.ended]);
      await roundTrip(client);
    }
    if (fixture.seesUnfinished) await raw.ended;
    raw.socket.destroy();
    expect(server.accepted[1]?.messages).toEqual([]);
    await eventually(() => server.listener.connections).toBe(1);
  });

  it('takes no compressed frame, whoever offers compression', async () => {
    const server = await open(echo);
    const raw = await connectRaw(server.listener);
    raw.socket.write(
      upgradeRequest({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' }),
    );
    while (!raw.received().includes('\r\n\r\n')) await once(raw.socket, 'data');
    expect(raw.received().toString()).toMatch(/^HTTP\/1.1 101 /);
    expect(raw.received().toString()).not.toMatch(/extensions/i);
    // RSV1 says that the frame is compressed.
    raw.socket.write(frameHead(0x42, 0));
    await raw.ended;
    await eventually(() => server.accepted[0]?.calls).toEqual(['closed']);
    expect(server.accepted[0]?.messages).toEqual([]);
  });

  it('serves others while many drip their frames', async () => {
    const server = await open(echo);
    const dripping = await Promise.all(
      Array.from({ length: 50 }, () => connectRawWebSocket(server.listener, HOSTILE)),
    );
    for (const { socket } of dripping) socket.write(frameHead(2, 1000).subarray(0, 3));
    const { client } = await pair(server);
    for (let i = 0; i < 10; i++) {
      for (const { socket } of dripping) socket.write(Buffer.of(0));
      await roundTrip(client);
    }
    expect(server.events).toEqual([]);
    for (const { socket } of dripping) socket.destroy();
    await eventually(() => server.listener.connections).toBe(1);
  });
}

/** The first thing that a TLS client says. */
async function clientHello(): Promise<Buffer> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
  client.on('error', () => {});
  const [connection] = (await once(server, 'connection')) as [Socket];
  const [hello] = (await once(connection, 'data')) as [Buffer];
  client.destroy();
  server.close();
  return hello;
}

/** Leaves as soon as the server has done its part of a TLS handshake. */
async function abortHandshake(listener: Listener, hello: Buffer): Promise<void> {
  const { socket, ended } = await connectRaw(listener, false, HOSTILE);
  socket.write(hello);
  await Promise.race([once(socket, 'data'), ended]);
  socket.resetAndDestroy();
}

function describeTls(fixture: ListenerFixture, open: Open): void {
  it('survives handshakes that are broken off', async () => {
    const server = await open(echo);
    const hello = await clientHello();
    const flood = Array.from({ length: 100 }, () => abortHandshake(server.listener, hello));
    const { client } = await pair(server);
    await Promise.all(flood);
    await roundTrip(client);
    expect(server.accepted).toHaveLength(1);
    if (fixture.seesUnfinished) await eventually(() => server.listener.handshakes).toBe(0);
  });

  it('lets nobody renegotiate', async () => {
    const { listener } = await open();
    const { port } = listener;
    const target = { host: '127.0.0.1', port, rejectUnauthorized: false };
    const socket: TLSSocket = connectTls({ ...target, maxVersion: 'TLSv1.2' });
    await once(socket, 'secureConnect');
    expect(socket.getProtocol()).toBe('TLSv1.2');
    const ended = once(socket, 'close').catch(() => {});
    const outcome = await new Promise<string>((resolve) => {
      socket.on('error', () => resolve('refused'));
      socket.on('close', () => resolve('refused'));
      socket.renegotiate({}, (error) => resolve(error === null ? 'renegotiated' : 'refused'));
    });
    expect(outcome).toBe('refused');
    socket.destroy();
    await ended;
    await connectClient(listener);
  });
}

/** All of this part. */
export function describeFloods(fixture: ListenerFixture, open: Open): void {
  describe('floods of frames', () => describeFrames(fixture, open));
  describe.runIf(fixture.tls)('floods of handshakes', () => describeTls(fixture, open));
}
