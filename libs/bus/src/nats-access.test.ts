/** Protects the start: who is let in and how, and what a server that does not fit is told. */
import { makeTestCertificate, type NatsServer, startNats } from '@mosaic-cluster/test-servers';
import { nkeys } from '@nats-io/transport-node';
import { writeFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeRole, Heard, liveRecord, until } from './contract-fixture.ts';
import { fakeKey, fakeRecord } from '@mosaic-cluster/protocol/testing';
import { Buses, CONFIG } from './testing/nats-buses.ts';

let buses: Buses;
let server: NatsServer | undefined;
beforeEach(() => {
  buses = new Buses();
});
afterEach(async () => {
  await buses.close();
  await server?.stop();
  server = undefined;
});

async function start(config: string): Promise<NatsServer> {
  server = await startNats({ config: `${CONFIG}\n${config}` });
  return server;
}

describe('a start', () => {
  it('says what to set on a server that takes too small messages', async () => {
    server = await startNats();
    await expect(buses.connect([server])).rejects.toMatchObject({
      kind: 'invalid',
      code: 'max-payload-too-small',
      message: expect.stringContaining('"max_payload: 2MB"') as string,
    });
  });

  it('waits for a server, but not for ever', async () => {
    const nats = await start('');
    await nats.kill();
    const limits = { startTimeoutMs: 600 };
    await expect(buses.connect([nats], { limits })).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'bus-unreachable',
      message: expect.stringContaining(nats.url) as string,
    });
    const connected = buses.connect([nats]);
    await nats.restart();
    expect((await connected).isConnected).toBe(true);
    expect(buses.notices.join()).toContain('trying again');
  });

  it('refuses a namespace that would be several', async () => {
    const nats = await start('');
    await expect(buses.connect([nats], { namespace: 'a.b' })).rejects.toMatchObject({
      code: 'bus-namespace',
    });
  });
});

describe('an identity', () => {
  const cases = (): [string, string, object][] => {
    const user = nkeys.createUser();
    const nkeySeed = new TextDecoder().decode(user.getSeed());
    return [
      ['user and password', 'authorization { user: u, password: p }', { user: 'u', password: 'p' }],
      ['token', 'authorization { token: t }', { token: 't' }],
      ['nkey', `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }`, { nkeySeed }],
    ];
  };

  it.each(cases())('by %s lets in, and nothing else does', async (_, config, identity) => {
    const nats = await start(config);
    await expect(buses.connect([nats])).rejects.toMatchObject({
      kind: 'unauthorized',
      code: 'bus-refused',
    });
    await (await buses.connect([nats], identity)).ping(5_000);
  });

  it('by certificate lets in, over TLS to a server that proves itself', async () => {
    const { certificate, key } = makeTestCertificate();
    const folder = mkdtempSync(join(tmpdir(), 'bus-tls-'));
    writeFileSync(join(folder, 'cert.pem'), certificate);
    writeFileSync(join(folder, 'key.pem'), key);
    const files = `cert_file: "${folder}/cert.pem", key_file: "${folder}/key.pem"`;
    const nats = await start(`tls { ${files}, ca_file: "${folder}/cert.pem", verify: true }`);
    const limits = { startTimeoutMs: 300 };
    const tls = { certificateAuthority: certificate, certificate, key };
    await (await buses.connect([nats], { tls })).ping(5_000);
    const anonymous = { certificateAuthority: certificate };
    await expect(buses.connect([nats], { tls: anonymous, limits })).rejects.toThrow(/NATS/);
    const stranger = makeTestCertificate();
    const trusting = { ...tls, certificateAuthority: stranger.certificate };
    await expect(buses.connect([nats], { tls: trusting, limits })).rejects.toThrow(/certificate/);
    rmSync(folder, { recursive: true });
  });
});

describe('permissions', () => {
  const ns = (): string => buses.namespace;
  const grant = (user: string, publish: string[], subscribe: string[]): string => {
    const list = (subjects: string[]): string =>
      [...subjects, '_INBOX.>'].map((subject) => JSON.stringify(subject)).join(', ');
    const permissions = `{ publish: [${list(publish)}], subscribe: [${list(subscribe)}] }`;
    return `{ user: ${user}, password: p, permissions: ${permissions} }`;
  };

  it('as documented are enough', async () => {
    const base = `${ns()}.v1`;
    const operations = ['submit', 'query', 'get', 'identities'].map((name) => `${base}.*.${name}`);
    const users = [
      grant(
        'gateway',
        [...operations, `${base}.sync`],
        [`${base}.live.>`, `${base}.beat`, `${base}.ask`],
      ),
      grant(
        'worker',
        [`${base}.live.outbox.>`, `${base}.beat`, `${base}.ask`],
        [`${base}.outbox.*`, `${base}.sync`, `${base}.ask`],
      ),
    ];
    const nats = await start(`authorization { users: [ ${users.join(', ')} ] }`);
    const gateway = await buses.connect([nats], { user: 'gateway', password: 'p' });
    const worker = await buses.connect([nats], { user: 'worker', password: 'p' });
    worker.serve('outbox', fakeRole());
    expect(await gateway.role('outbox').identities(fakeKey(1))).toHaveLength(1);
    const heard = new Heard();
    const listener = gateway.listen(heard.handler);
    await listener.add({ author: fakeKey(1) });
    worker.publish([liveRecord(fakeRecord({ serial: 1 }))]);
    await until(
      () => heard.records.length,
      (count) => count === 1,
    );
    expect(await worker.offer(liveRecord(fakeRecord()))).toBe(1);
    gateway.answer(async (question) => question);
    worker.answer(async (question) => question);
    // As an operator asks who has a worker's settings; the server may not know yet who answers.
    const askBoth = async (): Promise<number> => (await worker.askAll(new Uint8Array(1))).length;
    await expect.poll(askBoth, { timeout: 10_000 }).toBe(2);
    expect(worker.counters.forbiddenPublishes + gateway.counters.forbiddenPublishes).toBe(0);
    worker.publish([liveRecord(fakeRecord(), { role: 'inbox' })]);
    await until(
      () => worker.counters.forbiddenPublishes,
      (count) => count === 1,
    );
  });

  it('that are missing are counted and named', async () => {
    const nats = await start(
      `authorization { users: [ ${grant('gateway', [`${ns()}.v1.sync`], [`${ns()}.v1.beat`])} ] }`,
    );
    const gateway = await buses.connect([nats], { user: 'gateway', password: 'p' });
    await expect(gateway.role('outbox').identities(fakeKey(1))).rejects.toMatchObject({
      kind: 'unauthorized',
      code: 'bus-forbidden',
      message: expect.stringContaining(`${ns()}.v1.outbox.identities`) as string,
    });
    const listener = gateway.listen(new Heard().handler);
    await expect(listener.add({ author: fakeKey(1) })).rejects.toMatchObject({
      code: 'bus-forbidden',
    });
    expect(gateway.counters).toMatchObject({ forbiddenPublishes: 1, forbiddenSubscriptions: 1 });
    expect(gateway.subjectsHeard).toBe(0);
    expect(buses.notices.join()).toContain('forbids publish on');
  });
});
