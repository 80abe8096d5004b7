/** The clients of the listener contract: a proper one, and a raw one that misbehaves on purpose. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { SUBPROTOCOL_2024 } from '@mosaic-cluster/protocol';
import { type ClientOptions, WebSocket } from 'ws';
import type { Listener } from './listener.ts';

/** A WebSocket client that keeps what it gets. */
export class ContractClient {
  readonly websocket: WebSocket;
  readonly messages: Buffer[] = [];
  /** Resolves with code and reason. */
  readonly closed: Promise<{ code: number; reason: string }>;
  /** Headers of the server's 101. */
  headers: Record<string, string | string[] | undefined> = {};

  constructor(url: string, protocols: string[], options: ClientOptions = {}) {
    const websocket = new WebSocket(url, protocols, { rejectUnauthorized: false, ...options });
    this.websocket = websocket;
    websocket.on('message', (data: Buffer) => this.messages.push(data));
    websocket.on('upgrade', (response) => {
      this.headers = response.headers;
    });
    websocket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      websocket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
  }
}

/** Connects a proper client; resolves when it is open, rejects where it is refused. */
export async function connectClient(
  listener: Pick<Listener, 'url'>,
  options: ClientOptions & { protocols?: string[] } = {},
): Promise<ContractClient> {
  const { protocols = [SUBPROTOCOL_2024], ...rest } = options;
  const client = new ContractClient(listener.url, protocols, rest);
  await once(client.websocket, 'open');
  return client;
}

/** Connects a proper client on whose connection `header` comes first, as from a balancer. */
export async function connectBehind(
  listener: Pick<Listener, 'url' | 'port'>,
  header: Uint8Array,
  localAddress = '127.0.0.1',
): Promise<ContractClient> {
  const tcp = connectTcp({ host: '127.0.0.1', port: listener.port, localAddress });
  tcp.write(header);
  const isSecure = listener.url.startsWith('wss');
  const createConnection = (): Socket =>
    isSecure ? connectTls({ socket: tcp, rejectUnauthorized: false }) : tcp;
  return connectClient(listener, { createConnection });
}

/** A header of version 1 for a client with this IPv4 address. */
export function proxyLine(source: string): Buffer {
  return Buffer.from(`PROXY TCP4 ${source} 10.0.0.1 40000 443\r\n`);
}

/** A header of version 2, with the addresses in hex and, behind them, a TLV. */
export function proxyBinary(command: '20' | '21', family: string, addresses: string): Buffer {
  const rest = Buffer.from(`${addresses}0400026869`, 'hex');
  const head = Buffer.from(`0d0a0d0a000d0a515549540a${command}${family}0000`, 'hex');
  head.writeUInt16BE(rest.length, 14);
  return Buffer.concat([head, rest]);
}

/** What came back on a raw connection until its end. */
export interface RawConnection {
  readonly socket: Socket;
  /** Bytes received so far. */
  readonly received: () => Buffer;
  /** Resolves when the server has ended the connection, properly or not. */
  readonly ended: Promise<void>;
}

/** A TCP connection to the listener, with TLS where the listener speaks it. */
export async function connectRaw(
  listener: Pick<Listener, 'url' | 'port'>,
  withTls: boolean = listener.url.startsWith('wss'),
  localAddress = '127.0.0.1',
): Promise<RawConnection> {
  const target = { host: '127.0.0.1', port: listener.port, localAddress };
  const socket = withTls
    ? connectTls({ ...target, rejectUnauthorized: false })
    : connectTcp(target);
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => {});
  const ended = new Promise<void>((resolve) => {
    socket.on('end', resolve);
    socket.on('close', () => resolve());
  });
  await once(socket, withTls ? 'secureConnect' : 'connect');
  return { socket, received: () => Buffer.concat(chunks), ended };
}

/** Sends one request and returns the whole answer, head and body. */
export async function exchange(listener: Listener, request: string): Promise<string> {
  const { socket, received, ended } = await connectRaw(listener);
  socket.write(request);
  await ended;
  socket.destroy();
  return received().toString();
}

/** The head of a proper upgrade request; `headers` replaces or, with undefined, removes some. */
export function upgradeRequest(
  headers: Record<string, string | undefined> = {},
  firstLine = 'GET / HTTP/1.1',
): string {
  const all: Record<string, string | undefined> = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': SUBPROTOCOL_2024,
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}: ${value}`],
  );
  return `${[firstLine, ...lines].join('\r\n')}\r\n\r\n`;
}

/** A raw connection that is a WebSocket already and answers nothing by itself. */
export async function connectRawWebSocket(
  listener: Listener,
  localAddress?: string,
): Promise<RawConnection> {
  const raw = await connectRaw(listener, undefined, localAddress);
  raw.socket.write(upgradeRequest());
  while (!raw.received().includes('\r\n\r\n')) await once(raw.socket, 'data');
  return raw;
}

/** The head of a masked frame with a mask of zeros, so that the payload follows as it is. */
export function frameHead(opcode: number, length: number, final = true): Buffer {
  const first = (final ? 0x80 : 0) | opcode;
  const mask = Buffer.alloc(4);
  if (length < 126) return Buffer.concat([Buffer.of(first, 0x80 | length), mask]);
  const extended = Buffer.alloc(length < 65_536 ? 2 : 8);
  if (extended.length === 2) extended.writeUInt16BE(length);
  else extended.writeBigUInt64BE(BigInt(length));
  const second = 0x80 | (extended.length === 2 ? 126 : 127);
  return Buffer.concat([Buffer.of(first, second), extended, mask]);
}
