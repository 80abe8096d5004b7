/**
 * Traces and the log of slow requests through a whole cluster: a submission is one trace from the
 * gateway to Redis and the object store, whoever reads traces learns nothing of records, a slow one is
 * found in the logs of both sides under one name, and a collector that is gone is missed by nobody.
 * Needs a build.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MosaicClient } from '@mosaic-cluster/client';
import {
  base64Encode,
  buildRecord,
  encodeKind,
  encodeUserKey,
  generateSecretKey,
  hexEncode,
  KNOWN_KINDS,
  publicKeyOf,
  type RecordView,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import {
  startTraceCollector,
  type TakenSpan,
  type TraceCollector,
} from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type LocalCluster, startLocalCluster } from './local-cluster.ts';
import type { ReportLine } from './report.ts';
import type { ServiceProcess } from './service-process.ts';
import { connectTo, until } from './testing/load.ts';

const SECRET_KEY = generateSecretKey();
const AUTHOR = publicKeyOf(SECRET_KEY);
const BY_AUTHOR = [{ name: 'authors', keys: [AUTHOR] }] as const;
const PRIVATE_KIND = encodeKind({
  applicationId: 99,
  applicationKind: 1,
  duplicateHandling: 'unique',
  audience: 'author-only',
  printable: true,
});
/** Less than any first submission takes, and more than what is in memory. */
const SLOW_AFTER = '5ms';

let dataDir: string;
let cluster: LocalCluster;
let collector: TraceCollector;
let client: MosaicClient;
const lines: ReportLine[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mosaic-tracing-'));
  collector = await startTraceCollector();
  const settings = {
    MOSAIC_TRACES: collector.url,
    MOSAIC_TRACES_SAMPLE: '1',
    MOSAIC_SLOW_AFTER: SLOW_AFTER,
  };
  cluster = await startLocalCluster({
    dataDir,
    gateways: 1,
    workers: 1,
    gatewaySettings: settings,
    workerSettings: settings,
    report: (line) => lines.push(line),
  });
  client = await connectTo(cluster, 0, SECRET_KEY);
}, 120_000);

afterAll(async () => {
  await client?.close();
  await cluster?.close();
  await collector?.close();
  await rm(dataDir, { recursive: true, force: true });
}, 60_000);

let records = 0;

function newRecord(kind = KNOWN_KINDS['microblog-root']): RecordView {
  records += 1;
  return buildRecord({
    kind,
    timestamp: timestampFromMillis(Date.now()) + BigInt(records),
    secretKey: SECRET_KEY,
    payload: new TextEncoder().encode(`nobody's business ${records}`),
  });
}

/** The spans of the trace that a span of this name began, by process and name, once it is all there. */
async function traceOf(name: string, last: string): Promise<Map<string, TakenSpan>> {
  const root = (): TakenSpan | undefined =>
    collector.spans.find((span) => span.name === name && !span.parentSpanId);
  const spans = (): TakenSpan[] =>
    collector.spans.filter(({ traceId }) => traceId === root()?.traceId);
  await until(`a trace of a ${name} with a span "${last}"`, () => {
    const areThere = spans();
    const ids = new Set(areThere.map(({ spanId }) => spanId));
    const isWhole = areThere.every(({ parentSpanId }) => !parentSpanId || ids.has(parentSpanId));
    return isWhole && areThere.some((span) => `${span.service} ${span.name}` === last);
  });
  return new Map(spans().map((span) => [`${span.service} ${span.name}`, span]));
}

/** Names of a span and of those that it is within, from the inside out. */
function pathOf(span: TakenSpan): string[] {
  const parent = collector.spans.find(({ spanId }) => spanId === span.parentSpanId);
  return [`${span.service} ${span.name}`, ...(parent === undefined ? [] : pathOf(parent))];
}

it('a submission is one trace, from the gateway through the bus to object store and Redis', async () => {
  await client.publish(newRecord());
  const trace = await traceOf('submission', 'mosaic-outbox object store put');
  const request = [
    'mosaic-outbox submit outbox',
    'mosaic-gateway ask outbox',
    'mosaic-gateway submission',
  ];
  const commit = ['mosaic-outbox commit', ...request];
  expect(pathOf(trace.get('mosaic-outbox object store put')!)).toEqual([
    'mosaic-outbox object store put',
    'mosaic-outbox append',
    ...commit,
  ]);
  expect(pathOf(trace.get('mosaic-outbox redis')!).slice(-commit.length)).toEqual(commit);
  for (const step of ['judge', 'lookup', 'verify']) {
    expect(pathOf(trace.get(`mosaic-outbox ${step}`)!).slice(1)).toEqual(request);
  }
  const root = trace.get('mosaic-gateway submission')!;
  expect(root.attributes).toEqual({ 'mosaic.result': 'accepted' });
  const asked = trace.get('mosaic-gateway ask outbox')!;
  expect(asked.attributes['mosaic.worker']).toMatch(new RegExp(`/${cluster.workers[0]!.pid}$`));
});

it('a slow submission is in the logs of gateway and worker under the name of its trace', async () => {
  const linesOf = (from: string): ReportLine[] =>
    lines.filter((line) => line.from === from && line.message.startsWith('slow sub'));
  const told = (): ReportLine[][] =>
    linesOf('gateway-1').map((ofGateway) => [
      ofGateway,
      ...linesOf('outbox-1').filter(
        (each) => each.fields['request'] === ofGateway.fields['request'],
      ),
    ]);
  // Lines are few, and others were slow at the start.
  while (!told().some(({ length }) => length === 2)) await client.publish(newRecord());
  const [ofGateway, ofWorker] = told().find(({ length }) => length === 2)!;
  const { request } = ofGateway!.fields;
  await until('its trace', () => collector.spans.some(({ traceId }) => traceId === request));
  expect(ofGateway!.level).toBe('warn');
  expect(ofGateway!.message).toMatch(/^slow submission to outbox at \S+: \d+ ms \(/);
  expect(ofWorker!.message).toMatch(/^slow submit of outbox: \d+ ms \(/);
  expect(ofGateway!.fields['worker']).toBe(ofWorker!.fields['worker']);
  expect(ofGateway!.fields['stepsMs']).toEqual(ofWorker!.fields['stepsMs']);
});

it('metrics of gateway and worker lead to traces', async () => {
  const rendered = async (process: ServiceProcess): Promise<string> =>
    (await fetch(`${process.facts!.health}/metrics`)).text();
  const isTraced = (text: string, name: string): boolean =>
    [...text.matchAll(/^(\w+)_bucket.* # \{trace_id="(\w+)"\}/gm)].some(
      ([, metric, id]) => metric === name && collector.spans.some(({ traceId }) => traceId === id),
    );
  const [gateway, outbox] = await Promise.all(
    [cluster.gateways[0]!, cluster.workers[0]!].map(rendered),
  );
  expect(isTraced(gateway!, 'mosaic_submission_duration_seconds')).toBe(true);
  expect(isTraced(outbox!, 'mosaic_role_request_duration_seconds')).toBe(true);
});

it('submissions that share a request and a commit find each other by links', async () => {
  const before = collector.spans.length;
  const sent = Array.from({ length: 40 }, () => client.publish(newRecord()));
  await Promise.all(sent);
  const roots = (): TakenSpan[] =>
    collector.spans.slice(before).filter(({ name }) => name === 'submission');
  await until('the traces of all', () => roots().length === 40);
  const asks = collector.spans.filter(({ name }) => name === 'ask outbox');
  for (const { traceId, spanId, links } of roots()) {
    const own = asks.filter((ask) => ask.traceId === traceId);
    const linked = asks.filter((ask) => links.some((link) => link.spanId === ask.spanId));
    expect(own.length + linked.length).toBe(1);
    const isNamed = linked.every((ask) => ask.links.some((link) => link.spanId === spanId));
    expect(isNamed).toBe(true);
  }
});

it('nothing of a record is in any byte that is sent, nor whose it is', async () => {
  const record = newRecord(PRIVATE_KIND);
  await client.publish(record);
  let found = 0;
  for await (const each of client.query([...BY_AUTHOR])) found += each.bytes.length > 0 ? 1 : 0;
  expect(found).toBeGreaterThan(1);
  await traceOf('query', 'mosaic-encryption query encryption');
  const id = record.id;
  const hidden = [
    "nobody's business",
    base64Encode(record.payload),
    ...[AUTHOR, id, record.bytes].flatMap((bytes) => [hexEncode(bytes), base64Encode(bytes)]),
    // As logs shorten keys.
    hexEncode(AUTHOR).slice(0, 8),
    hexEncode(id).slice(0, 16),
    encodeUserKey(AUTHOR),
  ];
  for (const text of hidden) expect(collector.received).not.toContain(text);
});

it('nobody misses a collector that is gone', async () => {
  await collector.close();
  for (let i = 0; i < 3; i++) await client.publish(newRecord());
  const isTold = (from: string): boolean =>
    lines.some((line) => line.from === from && line.message.startsWith('traces do not reach'));
  await until('gateway and worker to say so', () => isTold('gateway-1') && isTold('outbox-1'));
  await client.publish(newRecord());
});
