/**
 * Services that are told by their settings, as an operator would, of servers that ask who one is and
 * speak TLS only. Needs a build.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTestCertificate, startNats, startRedis } from '@mosaic-cluster/test-servers';
import { nkeys } from '@nats-io/transport-node';
import { afterEach, expect, it } from 'vitest';
import { connectTo } from './testing/load.ts';
import { expectServed } from './testing/served.ts';
import { makeNatsAccount } from './testing/nats-account.ts';
import { startServices } from './testing/services.ts';

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const identities = {
  'a credentials file': () => {
    const { config, credentials } = makeNatsAccount();
    return { config, name: 'MOSAIC_NATS_CREDS', secret: credentials };
  },
  'an nkey': () => {
    const user = nkeys.createUser();
    const config = `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }`;
    const secret = new TextDecoder().decode(user.getSeed());
    return { config, name: 'MOSAIC_NATS_NKEY', secret };
  },
};

it.each(Object.entries(identities))(
  'serve over TLS, known to NATS by %s, to Redis by ACL',
  {
    timeout: 90_000,
  },
  async (_, makeIdentity) => {
    const folder = mkdtempSync(join(tmpdir(), 'mosaic-settings-'));
    closing.push(() => rmSync(folder, { recursive: true }));
    const file = (name: string, text: string): string => {
      writeFileSync(join(folder, name), text, { mode: 0o600 });
      return join(folder, name);
    };
    const tls = makeTestCertificate();
    const ca = file('ca.pem', tls.certificate);
    const { config, name, secret } = makeIdentity();
    const files = `cert_file: "${ca}", key_file: "${file('key.pem', tls.key)}"`;
    const nats = await startNats({
      config: `max_payload: 2MB\ntls { ${files} }\n${config}`,
      scheme: 'tls',
    });
    closing.push(() => nats.stop());
    const redis = await startRedis({
      tls,
      args: ['--user', 'mosaic', 'on', '>hush-hush', '~mosaic:*', '+@all', '-@dangerous', '+info'],
    });
    closing.push(() => redis.stop());
    const services = await startServices({
      shared: {
        MOSAIC_NATS_URLS: nats.url,
        MOSAIC_NATS_TLS_CA_FILE: ca,
        [`${name}_FILE`]: file('identity', secret),
      },
      workers: {
        MOSAIC_REDIS_URLS: redis.url,
        MOSAIC_REDIS_USER: 'mosaic',
        MOSAIC_REDIS_PASSWORD_FILE: file('password', 'hush-hush\n'),
        MOSAIC_REDIS_TLS_CA_FILE: ca,
      },
    });
    closing.push(() => services.close());
    const client = await connectTo(services, 0);
    closing.push(() => client.close());
    // So many that pages of the index are cut in two.
    await expectServed(client, 300);
    expect(await redis.command('CLIENT LIST', 'cmd=client')).toContain('user=mosaic');
    expect(services.lines.filter(({ level }) => level === 'error')).toEqual([]);
  },
);
