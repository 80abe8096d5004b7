/**
 * The generator's WebSocket connection: straight on a TCP or TLS socket, because the generator
 * shares the machine with the server and a library's comforts would cost more than the server does.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { SUBPROTOCOL_2024 } from '@mosaic-cluster/protocol';
import { LoadError } from '../load-error.ts';
import { encodeFrame, FrameReader, OPCODE } from './frame.ts';
import type { ServerAddress } from './server-address.ts';

/** Who gets what arrives. The bytes are valid during the call only. */
export interface ConnectionHandler {
  /** A whole Mosaic message. */
  message(connection: Connection, bytes: Buffer, at: number, length: number): void;
  /** All that arrived at once was handed over: the moment to answer in one write. */
  caughtUp?(connection: Connection): void;
  /** The connection is over, and not because {@link Connection.close} was called. */
  lost(connection: Connection, why: string): void;
}

/** Time to connect, handshakes included. */
const CONNECT_TIMEOUT_MS = 20_000;
const HEAD_BYTES_MAX = 16_384;
const HEAD_END = '\r\n\r\n';
const ACCEPT_SUFFIX = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** What all TCP sockets read into: each chunk is handled before the next one is read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(256 * 1024);

/** An open connection. */
export class Connection {
  handler: ConnectionHandler;
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  #isClosed = false;

  private constructor(socket: Socket, handler: ConnectionHandler) {
    this.#socket = socket;
    this.handler = handler;
    this.#reader = new FrameReader({
      message: (bytes, at, length) => this.handler.message(this, bytes, at, length),
      control: (opcode, payload) => this.#control(opcode, payload),
    });
  }

  /**
   * Opens a connection.
   *
   * @throws LoadError where the server cannot be reached or refuses
   */
  static open(address: ServerAddress, handler: ConnectionHandler): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const key = randomBytes(16).toString('base64');
      let connection: Connection | undefined;
      let head = '';
      const fail = (why: string): void => {
        clearTimeout(timer);
        socket.destroy();
        if (connection === undefined) reject(new LoadError(`cannot connect: ${why}`));
        else connection.#lose(why);
      };
      const receive = (chunk: Buffer): void => {
        if (connection !== undefined) {
          connection.#receive(chunk);
          return;
        }
        head += chunk.toString('latin1');
        const end = head.indexOf(HEAD_END);
        if (end < 0 && head.length < HEAD_BYTES_MAX) return;
        const why = refusal(head.slice(0, Math.max(end, 0)), key);
        if (why !== undefined) {
          fail(why);
          return;
        }
        clearTimeout(timer);
        connection = new Connection(socket, handler);
        const early = Buffer.from(head.slice(end + HEAD_END.length), 'latin1');
        if (early.length > 0) connection.#receive(early);
        resolve(connection);
      };
      const socket = openSocket(address, receive);
      const timer = setTimeout(() => fail('no answer in time'), CONNECT_TIMEOUT_MS);
      socket.setNoDelay(true);
      socket.on('error', (error) => fail(error.message));
      socket.on('close', () => fail('the server ended the connection'));
      socket.once(address.tls ? 'secureConnect' : 'connect', () => {
        socket.write(upgradeRequest(address, key));
      });
    });
  }

  /** Bytes that were written and that the kernel has not taken. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** Writes frames as they are. */
  write(frames: Uint8Array): void {
    this.#socket.write(frames);
  }

  /** Writes a message. */
  send(message: Uint8Array): void {
    this.#socket.write(encodeFrame(message));
  }

  /** Reads nothing until {@link resume}: what the server sends piles up on its side. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#socket.resume();
  }

  /** Ends the connection at once; resolves when it is gone. */
  close(): Promise<void> {
    this.#isClosed = true;
    if (this.#socket.closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#socket.once('close', () => resolve());
      this.#socket.destroy();
    });
  }

  #receive(chunk: Buffer): void {
    if (this.#isClosed) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#lose(`the server broke the WebSocket protocol: ${error.message}`);
      this.#socket.destroy();
      return;
    }
    this.handler.caughtUp?.(this);
  }

  #control(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE.ping) this.#socket.write(encodeFrame(payload, OPCODE.pong));
    if (opcode !== OPCODE.close) return;
    const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
    this.#lose(`the server closed it: ${code} ${payload.subarray(2).toString()}`.trimEnd());
  }

  #lose(why: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.handler.lost(this, why);
  }
}

function openSocket(address: ServerAddress, receive: (chunk: Buffer) => void): Socket {
  const { host, port, localAddress, identity } = address;
  const place = { host, port, ...(localAddress === undefined ? {} : { localAddress }) };
  if (address.tls) {
    const shown = identity && { cert: identity.certificate, key: identity.key };
    // The server's certificate is its own; whose key it shows is no matter of load.
    const socket = connectTls({ ...place, ...shown, rejectUnauthorized: false });
    socket.on('data', receive);
    return socket;
  }
  const callback = (length: number): boolean => {
    receive(READ_BUFFER.subarray(0, length));
    return true;
  };
  return connectTcp({ ...place, onread: { buffer: READ_BUFFER, callback } });
}

function upgradeRequest({ host, port }: ServerAddress, key: string): string {
  const lines = [
    'GET / HTTP/1.1',
    `Host: ${host.includes(':') ? `[${host}]` : host}:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL_2024}`,
  ];
  return lines.join('\r\n') + HEAD_END;
}

/** Why the answer to the upgrade is none to go on with; undefined where it is. */
function refusal(head: string, key: string): string | undefined {
  const [status = '', ...lines] = head.split('\r\n');
  if (!/^HTTP\/1\.1 101\b/.test(status)) return `the server answered "${status}"`;
  const headers = new Map(
    lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const accept = createHash('sha1')
    .update(key + ACCEPT_SUFFIX)
    .digest('base64');
  if (headers.get('sec-websocket-accept') !== accept) return 'it is no WebSocket server';
  if (headers.get('sec-websocket-protocol') === SUBPROTOCOL_2024) return undefined;
  return `the server does not speak ${SUBPROTOCOL_2024}`;
}
