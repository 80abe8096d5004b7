/**
 * The servers' configurations that operators are given (deploy/servers): a cluster works with the rights that they
 * give each service, and with no others. Needs a build.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeTestCertificate, startNats, startRedis } from '@mosaic-cluster/test-servers';
import { connect } from '@nats-io/transport-node';
import { afterEach, expect, it } from 'vitest';
import { connectTo } from './testing/load.ts';
import { expectServed } from './testing/served.ts';
import { startServices } from './testing/services.ts';

const SERVERS = fileURLToPath(new URL('../../servers/', import.meta.url));
const SERVICES = ['gateway', 'outbox', 'inbox', 'encryption'] as const;
const PASSWORD = 'hush-hush';

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function given(file: string): string {
  return readFileSync(join(SERVERS, file), 'utf8');
}

function passwordOf(service: string): string {
  return `${PASSWORD}-${service}`;
}

it('serves everybody with the rights that operators are told to give', {
  timeout: 90_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mosaic-rights-'));
  closing.push(() => rmSync(folder, { recursive: true }));
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const tls = makeTestCertificate();
  const ca = file('ca.pem', tls.certificate);

  // What the environment says to operators' servers.
  const variables = [
    `NATS_CERT_FILE: "${ca}"`,
    `NATS_KEY_FILE: "${file('key.pem', tls.key)}"`,
    ...SERVICES.map((each) => `MOSAIC_${each.toUpperCase()}_PASSWORD: "${passwordOf(each)}"`),
  ];
  const config = `${variables.join('\n')}\n${given('nats.conf')}`;
  const nats = await startNats({ config, scheme: 'tls' });
  closing.push(() => nats.stop());

  const hash = createHash('sha256').update(PASSWORD).digest('hex');
  const users = given('redis-users.acl').replaceAll(/#[A-Z]+_PASSWORD_SHA256/g, `#${hash}`);
  const aclfile = file('redis-users.acl', users);
  const redis = await startRedis({
    configFile: join(SERVERS, 'redis.conf'),
    tls,
    args: ['--aclfile', aclfile],
  });
  closing.push(() => redis.stop());

  const settingsOf = (service: string): Record<string, string> => ({
    MOSAIC_NATS_USER: `mosaic-${service}`,
    MOSAIC_NATS_PASSWORD: passwordOf(service),
    MOSAIC_NATS_INBOX_PREFIX: `_INBOX.${service}`,
  });
  const services = await startServices({
    shared: {
      MOSAIC_NATS_URLS: nats.url,
      MOSAIC_NATS_TLS_CA_FILE: ca,
      MOSAIC_REDIS_URLS: redis.url,
      MOSAIC_REDIS_USER: 'mosaic',
      MOSAIC_REDIS_PASSWORD: PASSWORD,
      MOSAIC_REDIS_TLS_CA_FILE: ca,
    },
    workers: {},
    each: Object.fromEntries(SERVICES.map((service) => [service, settingsOf(service)])),
  });
  closing.push(() => services.close());

  const client = await connectTo(services, 0);
  closing.push(() => client.close());
  // So many that pages of the index are cut in two.
  await expectServed(client, 300);

  expect(services.lines.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
  for (const { facts } of [...services.gateways, ...services.workers]) {
    const metrics = await (await fetch(`${facts!.health}/metrics`)).text();
    expect(metrics).toContain('mosaic_bus_forbidden_publishes_total 0');
    expect(metrics).toContain('mosaic_bus_forbidden_subscriptions_total 0');
  }

  // A worker of one role cannot hear what others answer to gateways.
  const [port] = /\d+$/.exec(nats.url)!;
  const thief = await connect({
    port: Number(port),
    user: 'mosaic-inbox',
    pass: passwordOf('inbox'),
    inboxPrefix: '_INBOX.inbox',
    tls: { ca: tls.certificate },
  });
  closing.push(() => thief.close());
  for (const subject of ['_INBOX.gateway.>', 'mosaic.v1.encryption.*', '>']) {
    const refusal = await new Promise<Error | null>((resolve) => {
      thief.subscribe(subject, { callback: (error) => resolve(error) });
    });
    expect(refusal?.message, subject).toMatch(/permissions violation/i);
  }
});

it('names every command that scripts call', () => {
  const sources = fileURLToPath(new URL('../../../libs/', import.meta.url));
  const allowed = new Set(given('redis-users.acl').match(/(?<= \+)[a-z]+/g));
  const files = ['store', 'abuse'].flatMap((lib) => {
    const folder = join(sources, lib, 'src');
    return readdirSync(folder)
      .filter((name) => name.endsWith('.ts') && !/test|contract/.test(name))
      .map((name) => join(folder, name));
  });
  const called = files.flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/\bcall\('([A-Za-z]+)'/g)].map(([, name]) =>
      name!.toLowerCase(),
    ),
  );
  expect(called.length).toBeGreaterThan(50);
  expect([...new Set(called)].filter((name) => !allowed.has(name))).toEqual([]);
});
