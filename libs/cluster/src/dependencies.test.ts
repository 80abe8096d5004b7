/** What a process depends on, on real servers that ask who one is and sometimes are not there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { readConfig } from '@mosaic-cluster/runtime';
import {
  makeTestCertificate,
  startNats,
  startRedis,
  startS3,
  type TestServer,
} from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { openBus } from './open-bus.ts';
import { openObjects } from './open-objects.ts';
import { connectRedis } from './open-redis.ts';
import { type TestService, testService } from './testing/service.ts';
import { type WorkerConfig, workerSettings } from './worker-settings.ts';

let folder: string;
const { certificate, key } = makeTestCertificate();
const servers: TestServer[] = [];
const services: TestService[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-dependencies-'));
  writeFileSync(join(folder, 'cert.pem'), certificate);
  writeFileSync(join(folder, 'key.pem'), key);
});

afterEach(async () => {
  for (const service of services.splice(0)) await service.close();
  await Promise.all(servers.splice(0).map((server) => server.stop()));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

function frame(timeoutMs?: number): TestService {
  const service = testService(timeoutMs);
  services.push(service);
  return service;
}

function configOf(settings: Readonly<Record<string, string>>): WorkerConfig {
  return readConfig(workerSettings, settings);
}

function file(name: string): string {
  return join(folder, name);
}

describe('NATS', () => {
  async function start(): Promise<string> {
    const tls = `tls { cert_file: "${file('cert.pem')}", key_file: "${file('key.pem')}" }`;
    const nats = await startNats({
      config: `max_payload: 2MB\n${tls}\nauthorization { user: me, password: hunter2 }`,
      scheme: 'tls',
    });
    servers.push(nats);
    return nats.url;
  }

  it('is reached encrypted and with a password from a file', async () => {
    writeFileSync(file('password'), 'hunter2\n');
    const settings = {
      MOSAIC_NATS_URLS: await start(),
      MOSAIC_NATS_TLS_CA_FILE: file('cert.pem'),
      MOSAIC_NATS_USER: 'me',
      MOSAIC_NATS_PASSWORD_FILE: file('password'),
    };
    const { service } = frame();
    await openBus(configOf(settings), service);
    service.readiness.setState('serving');
    await expect(service.readiness.report()).resolves.toMatchObject({ isReady: true });
    await expect(service.metrics.render()).resolves.toContain('mosaic_bus_connected 1');
  });

  it('is waited for where it does not let the process in, which the probe says', async () => {
    const { service, warnings } = frame(1_000);
    const settings = {
      MOSAIC_NATS_URLS: await start(),
      MOSAIC_NATS_TLS_CA_FILE: file('cert.pem'),
      MOSAIC_NATS_USER: 'me',
      MOSAIC_NATS_PASSWORD: 'wrong',
    };
    await expect(openBus(configOf(settings), service)).rejects.toThrow('does not let this process');
    expect(warnings[0]).toContain('waiting for NATS');
    const { waitingFor } = await service.readiness.report();
    expect(waitingFor).toEqual([
      { name: 'NATS', reason: expect.stringContaining('does not let this process in') },
    ]);
  });
});

describe('Redis', () => {
  it('is reached as a user with a password, and missed when it hangs', async () => {
    const redis = await startRedis({
      args: ['--user', 'mosaic', 'on', '>hunter2', '~mosaic:*', '&*', '+@all'],
    });
    servers.push(redis);
    const settings = {
      MOSAIC_REDIS_URLS: redis.url,
      MOSAIC_REDIS_USER: 'mosaic',
      MOSAIC_REDIS_PASSWORD: 'hunter2',
    };
    const { service } = frame();
    await connectRedis(configOf(settings), service);
    service.readiness.setState('serving');
    await expect(service.readiness.report()).resolves.toMatchObject({ isReady: true });
    redis.pause();
    await expect(service.readiness.report()).resolves.toMatchObject({
      isReady: false,
      waitingFor: [{ name: 'Redis' }],
    });
    redis.resume();
    await expect
      .poll(async () => (await service.readiness.report()).isReady, { timeout: 10_000 })
      .toBe(true);
  });

  it('that would drop keys is refused by name', async () => {
    const redis = await startRedis({ args: ['--maxmemory-policy', 'allkeys-lru'] });
    servers.push(redis);
    const { service } = frame(300);
    const connecting = connectRedis(configOf({ MOSAIC_REDIS_URLS: redis.url }), service);
    await expect(connecting).rejects.toThrow('noeviction');
  });
});

describe('the object store', () => {
  it('may be a part of a bucket', async () => {
    const s3 = await startS3();
    servers.push(s3);
    s3.createBucket('shared');
    const settings = {
      MOSAIC_S3_ENDPOINT: s3.url,
      MOSAIC_S3_BUCKET: 'shared',
      MOSAIC_S3_PREFIX: 'mosaic/here/',
      MOSAIC_S3_ACCESS_KEY_ID: s3.accessKeyId,
      MOSAIC_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
    const { service } = frame();
    const objects = await openObjects(configOf(settings), service);
    await objects.put('segments/a', Uint8Array.of(1));
    expect((await objects.list({ prefix: '' })).objects.map(({ key }) => key)).toEqual([
      'segments/a',
    ]);
    const whole = await openObjects(
      configOf({ ...settings, MOSAIC_S3_PREFIX: '' }),
      frame().service,
    );
    expect((await whole.list({ prefix: '' })).objects.map(({ key }) => key)).toEqual([
      'mosaic/here/segments/a',
    ]);
    service.readiness.setState('serving');
    await expect(service.readiness.report()).resolves.toMatchObject({ isReady: true });
  });

  it('that is not there is named with the remedy', async () => {
    const s3 = await startS3();
    servers.push(s3);
    const settings = {
      MOSAIC_S3_ENDPOINT: s3.url,
      MOSAIC_S3_BUCKET: 'missing',
      MOSAIC_S3_ACCESS_KEY_ID: s3.accessKeyId,
      MOSAIC_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
    const opening = openObjects(configOf(settings), frame(300).service);
    await expect(opening).rejects.toThrow(/bucket missing at .* cannot be used: listing/);
  });

  it('may be a folder', async () => {
    const config = configOf({ MOSAIC_OBJECTS: `folder:${file('objects')}` });
    const objects = await openObjects(config, frame().service);
    await objects.put('a', Uint8Array.of(1));
    expect(await objects.get('a')).toEqual(Uint8Array.of(1));
  });
});
