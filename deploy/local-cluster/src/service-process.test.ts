/** The services as processes of their own: what they say to an operator, and how patient they are. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  freePort,
  type NatsServer,
  type RedisServer,
  startNats,
  startRedis,
  type TestServer,
} from '@mosaic-cluster/test-servers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serviceEnvironment } from './config.ts';
import { untilReady } from './local-cluster.ts';
import { ServiceProcess, type ServiceSpec } from './service-process.ts';
import { until } from './testing/load.ts';

const SERVICES = ['gateway', 'outbox', 'inbox', 'encryption'] as const;

let folder: string;
const closing: (() => Promise<unknown>)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-services-'));
});

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await rm(folder, { recursive: true, force: true });
});

interface Ending {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a service to its end. */
function ending(
  service: string,
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<Ending> {
  const main = fileURLToPath(new URL(`../../../services/${service}/dist/main.js`, import.meta.url));
  const child = spawn(process.execPath, [main, ...args], { env: serviceEnvironment(settings) });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, output }));
  });
}

describe.each(SERVICES)('%s', (service) => {
  it('lists its settings and tells its version', async () => {
    const [help, version] = await Promise.all([
      ending(service, ['--help']),
      ending(service, ['--version']),
    ]);
    expect(help.code).toBe(0);
    for (const name of ['MOSAIC_NATS_URLS', 'MOSAIC_HEALTH_LISTEN', 'MOSAIC_NATS_PASSWORD_FILE']) {
      expect(help.output).toContain(name);
    }
    const own = service === 'gateway' ? 'MOSAIC_SERVER_KEY_FILE' : 'MOSAIC_S3_BUCKET';
    expect(help.output).toContain(own);
    expect(version).toMatchObject({ code: 0 });
    expect(version.output).toContain(`mosaic-${service} 0.1.0\n`);
  });

  it('names every wrong setting at once, and shows no secret', async () => {
    const { code, output } = await ending(service, [], {
      MOSAIC_NATS_URLS: 'http://somewhere',
      MOSAIC_LOG_LEVEL: 'loud',
      MOSAIC_NATS_TOCEN: 'hunter2',
    });
    expect(code).toBe(1);
    for (const word of ['MOSAIC_NATS_URLS', 'MOSAIC_LOG_LEVEL', 'Did you mean MOSAIC_NATS_TOKEN']) {
      expect(output).toContain(word);
    }
    expect(output).not.toContain('hunter2');
  });
});

it('takes no arguments', async () => {
  const { code, output } = await ending('outbox', ['serve']);
  expect(code).toBe(1);
  expect(output).toContain('mosaic-outbox takes no arguments');
});

it('a gateway takes its key in hex or as mosec0…, and says what to do about another', async () => {
  const { code, output } = await ending('gateway', [], { MOSAIC_SERVER_KEY: 'mosec0hunter2' });
  expect(code).toBe(1);
  expect(output).toContain('MOSAIC_SERVER_KEY holds no secret key');
  expect(output).not.toContain('hunter2');
});

describe('a worker that starts before everything else', () => {
  let health: string;

  async function answer(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`${health}${path}`);
    return { status: response.status, text: await response.text() };
  }

  async function start<T extends TestServer>(starting: Promise<T>): Promise<T> {
    const server = await starting;
    closing.push(() => server.stop());
    return server;
  }

  it('says what it waits for, serves as soon as it can, and ends when told to', async () => {
    const [healthPort, natsPort, redisPort] = [
      await freePort(),
      await freePort(),
      await freePort(),
    ];
    health = `http://127.0.0.1:${healthPort}`;
    const spec: ServiceSpec = {
      name: 'outbox',
      service: 'outbox',
      settings: {
        MOSAIC_LOG: 'json',
        MOSAIC_HEALTH_LISTEN: `127.0.0.1:${healthPort}`,
        MOSAIC_NATS_URLS: `nats://127.0.0.1:${natsPort}`,
        MOSAIC_REDIS_URLS: `redis://127.0.0.1:${redisPort}`,
        MOSAIC_OBJECTS: `folder:${join(folder, 'objects')}`,
      },
    };
    const said: string[] = [];
    const worker = new ServiceProcess(spec, ({ message }) => said.push(message));
    const started = worker.start();
    closing.push(() => worker.stop());
    await until('both to be missed', () =>
      ['NATS', 'Redis'].every((name) => said.some((text) => text.includes(`waiting for ${name}`))),
    );
    expect(await answer('/livez')).toMatchObject({ status: 200 });
    expect((await answer('/metrics')).text).toContain('mosaic_build_info');
    const { status, text } = await answer('/readyz');
    expect(status).toBe(503);
    expect(JSON.parse(text)).toMatchObject({
      state: 'starting',
      waitingFor: expect.arrayContaining([
        { name: 'NATS', reason: expect.stringContaining('refused') },
        { name: 'Redis', reason: expect.stringContaining('cannot be reached') },
      ]),
    });

    const nats: NatsServer = await start(
      startNats({
        config: 'max_payload: 2MB',
        place: {
          folder: join(folder, 'nats'),
          ports: { client: natsPort, monitor: await freePort(), cluster: await freePort() },
        },
      }),
    );
    const redis: RedisServer = await start(
      startRedis({
        place: { folder: join(folder, 'redis'), port: redisPort, busPort: await freePort() },
      }),
    );
    await started;
    await untilReady(worker);
    expect(said).toEqual(expect.arrayContaining(['NATS is there', 'Redis is there']));

    redis.pause();
    const away = await answer('/readyz');
    expect(away.status).toBe(503);
    expect(away.text).toContain('Redis');
    redis.resume();
    await untilReady(worker);

    expect(await nats.routedServers()).toBe(0);
    worker.signal('SIGTERM');
    await until('it to end', () => said.includes('ended with 0'));
  });

  it('gives up after the time it was given, and says for what', async () => {
    const { code, output } = await ending('encryption', [], {
      MOSAIC_HEALTH_LISTEN: '127.0.0.1:0',
      MOSAIC_NATS_URLS: `nats://127.0.0.1:${await freePort()}`,
      MOSAIC_REDIS_URLS: `redis://127.0.0.1:${await freePort()}`,
      MOSAIC_OBJECTS: `folder:${join(folder, 'objects')}`,
      MOSAIC_START_TIMEOUT: '1s',
    });
    expect(code).toBe(1);
    expect(output).toMatch(/(NATS|Redis) was not there after 1s \(MOSAIC_START_TIMEOUT\)/);
  });
});
