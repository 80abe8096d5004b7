/**
 * The whole cluster as its users meet it: real servers, real processes, real sockets. What holds for
 * one process must hold through any gateway, and while processes come and go. Needs a build.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSecretKey } from '@mosaic-cluster/protocol';
import type { NatsServer } from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type LocalCluster, startLocalCluster, untilReady } from './local-cluster.ts';
import type { ReportLine } from './report.ts';
import type { ServiceProcess } from './service-process.ts';
import { expectConformance } from './testing/conform.ts';
import { dependents } from './testing/dependent.ts';
import { Audience, connectTo, idOf, Load, missing, until } from './testing/load.ts';

const BEFORE = 60;
const AFTER = 100;

let dataDir: string;
let cluster: LocalCluster;
const lines: ReportLine[] = [];
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'mosaic-cluster-'));
  cluster = await startLocalCluster({ dataDir, report: (line) => lines.push(line) });
}, 120_000);

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

afterAll(async () => {
  await cluster?.close();
  await rm(dataDir, { recursive: true, force: true });
}, 60_000);

function processCalled(name: string): ServiceProcess {
  return cluster.processes.find((each) => each.name === name)!;
}

async function clientAt(gateway: number, key?: Uint8Array): ReturnType<typeof connectTo> {
  const client = await connectTo(cluster, gateway, key);
  closing.push(() => client.close());
  return client;
}

async function audienceAt(gateway: number, load: Load): Promise<Audience> {
  const audience = await Audience.of(await clientAt(gateway), load.author);
  closing.unshift(() => audience.close());
  return audience;
}

/** Sends a signal and waits until the process is there again, as another one. */
async function endAndReturn(service: ServiceProcess, signal: NodeJS.Signals): Promise<void> {
  const { pid } = service;
  service.signal(signal);
  await until(`${service.name} to end`, () => service.pid !== pid);
  await until(`${service.name} to come back`, () => service.facts !== undefined);
  await untilReady(service);
}

describe('a gateway', () => {
  // The others are held to it by the slow tests.
  it('passes the conformance suite, another one being the same server', {
    timeout: 240_000,
  }, async () => {
    const [first, second] = cluster.urls;
    await expectConformance(first!.mtlsUrl!, second!.mtlsUrl!, first!.serverKeyHex!);
  });
});

describe('publisher and subscriber at different gateways', () => {
  async function clientNames(nats: NatsServer): Promise<string[]> {
    const { connections } = (await nats.monitor('connz')) as {
      connections: { name?: string }[];
    };
    return connections.map(({ name = '' }) => name);
  }

  it('meet, though the gateways are on different NATS servers', async () => {
    for (const nats of cluster.servers.nats) {
      const names = await clientNames(nats);
      expect(names.filter((name) => name === 'mosaic-gateway')).toHaveLength(1);
      expect(names.filter((name) => name === 'mosaic-outbox')).toHaveLength(1);
    }
    const load = new Load(await clientAt(0));
    const audience = await audienceAt(1, load);
    load.start();
    await load.more(50);
    await load.stop();
    await audience.hasSeen(load.acknowledged.length);
    expect(load.failed).toEqual([]);
    expect(audience.seen.toSorted()).toEqual(load.acknowledged.map(idOf).toSorted());
  });
});

describe('records sent right behind the key schedule that allows them', () => {
  it('are never refused, whichever worker gets which', { timeout: 120_000 }, async () => {
    const subkey = generateSecretKey();
    const client = await clientAt(0, subkey);
    const refused: unknown[] = [];
    for (let n = 0; n < 100; n++) {
      const sent = dependents(subkey).map((record) => client.publish(record));
      for (const each of await Promise.allSettled(sent)) {
        if (each.status === 'rejected') refused.push(each.reason);
      }
    }
    expect(refused).toEqual([]);
  });
});

describe('under load, without a failed submission and without a record lost or missed', () => {
  async function endUnderLoad(name: string, signal: NodeJS.Signals): Promise<void> {
    const load = new Load(await clientAt(0));
    const audience = await audienceAt(1, load);
    closing.unshift(() => load.stop());
    load.start();
    await load.more(BEFORE);
    lines.length = 0;
    await endAndReturn(processCalled(name), signal);
    await load.more(AFTER);
    await load.stop();
    expect(load.failed).toEqual([]);
    expect(await missing(await clientAt(1), load.acknowledged)).toEqual([]);
    await audience.hasSeen(load.acknowledged.length);
    expect(audience.seen.toSorted()).toEqual(load.acknowledged.map(idOf).toSorted());
  }

  function ending(name: string): string | undefined {
    const from = lines.filter((line) => line.from === name);
    return from.find(({ message }) => message.startsWith('ended'))?.message;
  }

  it('ends a worker that is told to end', async () => {
    await endUnderLoad('outbox-1', 'SIGTERM');
    expect(ending('outbox-1')).toBe('ended with 0');
  });

  it('ends a gateway that is told to end', async () => {
    await endUnderLoad('gateway-1', 'SIGTERM');
    expect(ending('gateway-1')).toBe('ended with 0');
  });

  it('loses a worker that is killed', async () => {
    await endUnderLoad('outbox-2', 'SIGKILL');
    expect(ending('outbox-2')).toBe('ended by SIGKILL');
  });
});

describe('a server', () => {
  it.each([
    ['NATS', () => cluster.servers.nats[0]!],
    ['Redis', () => cluster.servers.redis.nodes[0]!],
    ['the object store', () => cluster.servers.s3],
  ] as const)('that is killed comes back, and nothing is lost: %s', async (_name, server) => {
    const load = new Load(await clientAt(0));
    closing.unshift(() => load.stop());
    load.start();
    await load.more(BEFORE);
    lines.length = 0;
    await server().kill();
    await until('it to be there again', () =>
      lines.some(({ message }) => message === 'is there again'),
    );
    for (const service of cluster.processes) await untilReady(service);
    await load.more(AFTER);
    await load.stop();
    expect(load.failed).toEqual([]);
    expect(await missing(await clientAt(1), load.acknowledged)).toEqual([]);
  });
});

describe('the health port', () => {
  it('tells service and version of every process', async () => {
    for (const { name, spec, facts } of cluster.processes) {
      const text = await (await fetch(`${facts!.health}/metrics`)).text();
      expect(text, name).toContain(
        `mosaic_build_info{service="${spec.service}",version="0.1.0"} 1`,
      );
      expect(text, name).toContain('mosaic_bus_connected 1');
    }
  });
});
