/** A proxy in front of a right server that breaks one rule. Plain WebSocket in, anything out. */
import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Target } from '../target.ts';
import { encodeFrame, type Frame, FrameReader, OPCODE } from '../wire/frame.ts';
import { openSocket } from '../wire/socket.ts';
import type { Corruption, Fault } from './fault.ts';

/** A wrong server that listens. */
export interface WrongServer {
  readonly url: string;
  close(): Promise<void>;
}

const HEAD_END = '\r\n\r\n';
const HEAD_BYTES_MAX = 65_536;
const FRAME_BYTES_MAX = 16_777_216;
const TIMEOUT_MS = 10_000;

/** Starts a wrong server on a free port of this machine. */
export async function startWrongServer(upstream: Target, fault: Fault): Promise<WrongServer> {
  const sockets = new Set<Duplex>();
  const track = <T extends Duplex>(socket: T): T => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    return socket;
  };
  const server = createServer((client) => {
    track(client);
    void serve(client, upstream, fault, track).catch(() => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serve(
  client: Socket,
  upstream: Target,
  fault: Fault,
  track: <T extends Duplex>(socket: T) => T,
): Promise<void> {
  client.setNoDelay(true);
  const server = track(await openSocket(upstream, { timeoutMs: TIMEOUT_MS }));
  client.on('close', () => server.destroy());
  server.on('close', () => client.end());
  const request = await readHead(client);
  server.write(request.head);
  const answer = await readHead(server);
  const head = fault.head?.(answer.head, request.head) ?? answer.head;
  client.write(head);
  if (!head.startsWith('HTTP/1.1 101 ')) {
    client.write(answer.rest);
    server.on('data', (chunk: Buffer) => client.write(chunk));
    server.on('end', () => client.end());
    server.resume();
    return;
  }
  relay(client, server, fault.corrupt(), request.rest, answer.rest);
}

/** Passes frames both ways, through the corruption. */
function relay(
  client: Duplex,
  server: Duplex,
  { request, answer }: Corruption,
  fromClient: Buffer,
  fromServer: Buffer,
): void {
  const requests = new FrameReader(FRAME_BYTES_MAX);
  const toServer = (chunk: Buffer): void => {
    if (request === undefined) {
      server.write(chunk);
      return;
    }
    for (const frame of cut(requests, chunk, client)) {
      const payload = isMessage(frame) ? request(frame.payload) : frame.payload;
      server.write(encodeFrame(frame.opcode, payload, { ...frame, isMasked: true }));
    }
  };
  const answers = new FrameReader(FRAME_BYTES_MAX);
  const toClient = (chunk: Buffer): void => {
    for (const frame of cut(answers, chunk, server)) {
      const isCorrupted = answer !== undefined && isMessage(frame);
      const payloads = isCorrupted ? answer(frame.payload) : [frame.payload];
      for (const payload of payloads) {
        client.write(encodeFrame(frame.opcode, payload, { ...frame, isMasked: false }));
      }
    }
  };
  client.on('data', toServer);
  server.on('data', toClient);
  client.on('end', () => server.end());
  server.on('end', () => client.end());
  if (fromClient.length > 0) toServer(fromClient);
  if (fromServer.length > 0) toClient(fromServer);
  client.resume();
  server.resume();
}

function isMessage({ opcode, isFinal }: Frame): boolean {
  return opcode === OPCODE.binary && isFinal;
}

function cut(reader: FrameReader, chunk: Buffer, from: Duplex): Frame[] {
  try {
    return reader.push(chunk);
  } catch {
    from.destroy();
    return [];
  }
}

async function readHead(socket: Duplex): Promise<{ head: string; rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf(HEAD_END);
      if (end < 0 && received.length < HEAD_BYTES_MAX) return;
      socket.off('data', read);
      socket.pause();
      const at = end + HEAD_END.length;
      resolve({ head: received.subarray(0, at).toString('latin1'), rest: received.subarray(at) });
    };
    socket.on('data', read);
    socket.on('close', () => reject(new Error('the connection ended before its head')));
    socket.resume();
  });
}
