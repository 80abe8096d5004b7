/** A collector of traces, in this process: takes OTLP over HTTP as Jaeger or Tempo do, and says what came. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A link of a span to another. */
export interface TakenLink {
  readonly traceId: string;
  readonly spanId: string;
}

/** A span as it was sent. */
export interface TakenSpan extends TakenLink {
  /** The attribute `service.name` of its process. */
  readonly service: string;
  readonly name: string;
  /** Empty or missing: the first of its trace. */
  readonly parentSpanId?: string;
  readonly links: readonly TakenLink[];
  readonly attributes: Readonly<Record<string, unknown>>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface SentSpan extends Omit<TakenSpan, 'service' | 'links' | 'attributes'> {
  readonly links?: readonly TakenLink[];
  readonly attributes: readonly Attribute[];
}

interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

/** A collector that listens on loopback. */
export interface TraceCollector {
  /** Without a path. */
  readonly url: string;
  /** What came so far. */
  readonly spans: readonly TakenSpan[];
  /** Every byte that came, with paths and headers. */
  readonly received: string;
  /** From now on it takes what comes and does not answer. */
  hang(): void;
  close(): Promise<void>;
}

/** Starts a collector on a port, by default any. */
export async function startTraceCollector(port = 0): Promise<TraceCollector> {
  const spans: TakenSpan[] = [];
  let received = '';
  let isHanging = false;
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      received += `${request.url} ${JSON.stringify(request.headers)} ${body}\n`;
      if (isHanging) return;
      spans.push(...spansOf(JSON.parse(body) as Sent));
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    get received() {
      return received;
    },
    hang: () => {
      isHanging = true;
    },
    close: () => close(server),
  };
}

function spansOf({ resourceSpans }: Sent): TakenSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(valuesOf(resource.attributes)['service.name']);
    return scopeSpans.flatMap((scope) =>
      scope.spans.map(({ links = [], attributes, ...span }) => {
        return { ...span, service, links, attributes: valuesOf(attributes) };
      }),
    );
  });
}

function valuesOf(attributes: readonly Attribute[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function close(server: Server): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  server.closeAllConnections();
  await closed;
}
