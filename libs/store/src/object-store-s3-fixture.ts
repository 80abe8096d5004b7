/** A real S3 server for tests, and a proxy before it that lets requests go wrong. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { S3ObjectStoreOptions } from './object-store-s3.ts';

/** What a proxy does with a request. */
export type Fate =
  | 'pass'
  /** Neither forwards it nor answers. */
  | 'swallow'
  /** Forwards it, and breaks the connection before the answer. */
  | 'lose-answer'
  /** Breaks the connection in the middle of the answer. */
  | 'cut-answer'
  /** Forwards it with one bit flipped. */
  | 'damage'
  /** Answers an error of S3 without forwarding. */
  | { readonly status: number; readonly code: string }
  /** Forwards it, and answers with a status of its own and nothing else. */
  | { readonly answer: number }
  /** Forwards it after a while. */
  | { readonly delayMs: number };

/** A request that came by. */
export interface PassingRequest {
  readonly method: string;
  readonly path: string;
}

/** A server on which buckets can be made. */
export interface BucketServer {
  readonly url: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  createBucket(name: string): void;
}

let buckets = 0;

/** Makes a bucket and returns how to open it. */
export function newBucket(server: BucketServer): S3ObjectStoreOptions {
  buckets += 1;
  const bucket = `bucket-${process.pid}-${buckets}`;
  server.createBucket(bucket);
  return bucketOptions(server, bucket);
}

/** How to open a bucket of that name. */
export function bucketOptions(server: BucketServer, bucket: string): S3ObjectStoreOptions {
  const { url, region, accessKeyId, secretAccessKey } = server;
  return { bucket, region, endpoint: url, credentials: { accessKeyId, secretAccessKey } };
}

/** A proxy before an S3 server; signatures stay valid because it keeps the Host header. */
export class FaultyProxy {
  /** Decides what becomes of the next request. */
  decide: (passing: PassingRequest) => Fate = () => 'pass';
  /** Requests that came by. */
  readonly seen: PassingRequest[] = [];
  readonly #server = createServer((incoming, reply) => void this.#handle(incoming, reply));
  readonly #target: URL;

  constructor(target: string) {
    this.#target = new URL(target);
  }

  /** Starts it and returns its address. */
  start(): Promise<string> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => {
        resolve(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
      });
    });
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }

  async #handle(incoming: IncomingMessage, reply: ServerResponse): Promise<void> {
    const passing = { method: incoming.method ?? '', path: incoming.url ?? '' };
    this.seen.push(passing);
    const fate = this.decide(passing);
    const body = await bodyOf(incoming).catch(() => undefined);
    if (body === undefined || fate === 'swallow') return;
    if (typeof fate === 'object' && 'status' in fate) {
      reply.writeHead(fate.status, { 'content-type': 'application/xml' });
      reply.end(`<Error><Code>${fate.code}</Code><Message>as ordered</Message></Error>`);
      return;
    }
    if (typeof fate === 'object' && 'delayMs' in fate) {
      await new Promise((resolve) => {
        setTimeout(resolve, fate.delayMs);
      });
    }
    if (fate === 'damage' && body.length > 0) body.writeUInt8(body.readUInt8(0) ^ 1, 0);
    this.#forward(incoming, body, reply, fate);
  }

  #forward(incoming: IncomingMessage, body: Buffer, reply: ServerResponse, fate: Fate): void {
    const { hostname, port } = this.#target;
    const { method, url: path, headers } = incoming;
    const outgoing = request({ hostname, port, method, path, headers }, (answer) => {
      bodyOf(answer).then(
        (bytes) => {
          if (fate === 'lose-answer') return reply.destroy();
          if (typeof fate === 'object' && 'answer' in fate) {
            return reply.writeHead(fate.answer).end();
          }
          reply.writeHead(answer.statusCode ?? 500, answer.headers);
          if (fate !== 'cut-answer') return reply.end(bytes);
          return reply.write(bytes.subarray(0, bytes.length >> 1), () => reply.destroy());
        },
        () => reply.destroy(),
      );
    });
    outgoing.on('error', () => reply.destroy());
    outgoing.end(body);
  }
}

async function bodyOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
