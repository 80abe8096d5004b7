/** What an operator meets who mistypes: one sentence for each wrong thing, with a remedy, no secrets. */
import { readConfig } from '@mosaic-cluster/runtime';
import { describe, expect, it } from 'vitest';
import { busOptions } from './bus-settings.ts';
import { bucketOptions, objectFolder } from './object-settings.ts';
import { redisOptions } from './redis-settings.ts';
import { type WorkerConfig, workerProblems, workerSettings } from './worker-settings.ts';

type Settings = Readonly<Record<string, string>>;

const FOLDER: Settings = { MOSAIC_OBJECTS: 'folder:/srv/mosaic' };
const PEM = '-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----';

function configOf(settings: Settings): WorkerConfig {
  return readConfig(workerSettings, settings);
}

describe('what is wrong', () => {
  it('is nothing with a folder and servers at their usual places', () => {
    expect(workerProblems(configOf(FOLDER))).toEqual([]);
  });

  it.each<[string, Settings, string]>([
    ['no bucket', {}, 'MOSAIC_S3_BUCKET is not set'],
    ['bucket and folder', { ...FOLDER, MOSAIC_S3_BUCKET: 'b' }, 'keep one of them'],
    ['half a credential', { ...FOLDER, MOSAIC_S3_ACCESS_KEY_ID: 'AKIA' }, 'belong together'],
    [
      'two identities at NATS',
      { ...FOLDER, MOSAIC_NATS_TOKEN: 'hunter2', MOSAIC_NATS_USER: 'me' },
      'MOSAIC_NATS_USER and MOSAIC_NATS_TOKEN are set',
    ],
    [
      'a password without a user',
      { ...FOLDER, MOSAIC_NATS_PASSWORD: 'hunter2' },
      'without MOSAIC_NATS_USER',
    ],
    [
      'a path where a text belongs',
      { ...FOLDER, MOSAIC_NATS_TLS_CA: '/etc/ca.pem' },
      'MOSAIC_NATS_TLS_CA holds no PEM text',
    ],
    [
      'a certificate without its key',
      { ...FOLDER, MOSAIC_REDIS_URLS: 'rediss://a', MOSAIC_REDIS_TLS_CERT: PEM },
      'MOSAIC_REDIS_TLS_CERT is set without MOSAIC_REDIS_TLS_KEY',
    ],
    [
      'TLS for servers that are named without it',
      { ...FOLDER, MOSAIC_REDIS_TLS_CA: PEM, MOSAIC_REDIS_URLS: 'redis://:hunter2@a' },
      'MOSAIC_REDIS_TLS_CA is set, but MOSAIC_REDIS_URLS names servers without TLS',
    ],
    [
      'Sentinels without a name',
      { ...FOLDER, MOSAIC_REDIS_MODE: 'sentinel' },
      'MOSAIC_REDIS_SENTINEL_MASTER is not set',
    ],
    [
      'many servers that stand alone',
      { ...FOLDER, MOSAIC_REDIS_URLS: 'redis://a,redis://:hunter2@b' },
      'MOSAIC_REDIS_URLS names several servers',
    ],
    [
      'a database of a Redis Cluster',
      { ...FOLDER, MOSAIC_REDIS_MODE: 'cluster', MOSAIC_REDIS_URLS: 'redis://:hunter2@a/3' },
      'MOSAIC_REDIS_URLS: a Redis Cluster has database 0 only',
    ],
    ['no credentials', { ...FOLDER, MOSAIC_NATS_CREDS: 'hunter2' }, 'MOSAIC_NATS_CREDS holds no'],
    ['no key', { ...FOLDER, MOSAIC_USERS: 'mopub0nonsense' }, 'MOSAIC_USERS'],
  ])('is named: %s', (_what, settings, sentence) => {
    const problems = workerProblems(configOf(settings));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(sentence);
    expect(problems[0]).not.toContain('hunter2');
  });
});

describe('what is meant', () => {
  it('reaches NATS', () => {
    const plain = busOptions(configOf({ MOSAIC_NATS_URLS: 'nats://a:4222,nats://[::1]:4223' }));
    expect(plain).toEqual({
      servers: ['a:4222', '[::1]:4223'],
      namespace: 'mosaic',
      inboxPrefix: '_INBOX',
    });
    const secured = busOptions(
      configOf({ MOSAIC_NATS_URLS: 'tls://a', MOSAIC_NATS_USER: 'u', MOSAIC_NATS_PASSWORD: 'p' }),
    );
    expect(secured).toMatchObject({ servers: ['a'], user: 'u', password: 'p', tls: {} });
    expect(busOptions(configOf({ MOSAIC_NATS_TLS_CA: PEM })).tls).toEqual({
      certificateAuthority: PEM,
    });
  });

  it('reaches the object store', () => {
    expect(objectFolder(configOf(FOLDER))).toBe('/srv/mosaic');
    const config = configOf({
      MOSAIC_S3_BUCKET: 'b',
      MOSAIC_S3_ENDPOINT: 'http://127.0.0.1:7070',
      MOSAIC_S3_ACCESS_KEY_ID: 'id',
      MOSAIC_S3_SECRET_ACCESS_KEY: 'secret',
    });
    expect(objectFolder(config)).toBeUndefined();
    expect(bucketOptions(config)).toEqual({
      bucket: 'b',
      region: 'us-east-1',
      endpoint: 'http://127.0.0.1:7070/',
      pathStyle: undefined,
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret' },
    });
  });

  it('reaches Redis', () => {
    const config = configOf({
      MOSAIC_REDIS_URLS: 'rediss://a:1,rediss://b:2',
      MOSAIC_REDIS_MODE: 'cluster',
      MOSAIC_REDIS_PASSWORD: 'p',
      MOSAIC_REDIS_TLS_CA: PEM,
    });
    expect(redisOptions(config)).toMatchObject({
      urls: ['rediss://a:1', 'rediss://b:2'],
      mode: 'cluster',
      password: 'p',
      tls: { ca: PEM },
      keyPrefix: 'mosaic:',
      commandTimeoutMs: 2000,
    });
  });
});
