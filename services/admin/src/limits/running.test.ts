/**
 * `mosaic-admin bans`, `limits` and `whois` beside a running server: bans count at once, and what is in
 * the server's memory can be asked. Needs a build.
 */
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { connect, type MosaicClient } from '@mosaic-cluster/client';
import { encodeUserKey, hexDecode, publicKeyOf } from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ALICE, aliceRecord, FilledFolders } from '../../testing/filled-folder.ts';
import { runAdmin } from '../../testing/run-admin.ts';
import { type RunningServer, startServer } from '../../testing/server.ts';

// Runs processes, and on a busy machine they take their time to start.
vi.setConfig({ testTimeout: 120_000 });

const HERE = '127.0.0.1';
const key = encodeUserKey(publicKeyOf(ALICE));

const folders = new FilledFolders();
let folder: string;
let server: RunningServer;
beforeAll(async () => {
  folder = await folders.path();
  // So that loopback can be banned, and one broken handshake is enough.
  server = await startServer(folder, { MOSAIC_ALLOWED: '192.0.2.1', MOSAIC_BAN_THRESHOLD: '1' });
}, 120_000);
afterAll(async () => {
  await server.stop();
  await folders.close();
});

async function admin(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runAdmin([...args, '--data', folder]);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return stdout;
}

async function told<Told>(...args: string[]): Promise<Told> {
  return JSON.parse(await admin(...args, '--json')) as Told;
}

function client(clientSecretKey?: Uint8Array): Promise<MosaicClient> {
  const target = { url: server.url, serverKey: hexDecode(server.serverKeyHex) };
  return connect({
    ...target,
    ...(clientSecretKey === undefined ? {} : { clientSecretKey }),
    reconnect: false,
  });
}

/** Whether an anonymous client from here is let in. */
async function isLetIn(): Promise<boolean> {
  try {
    const visitor = await client();
    for await (const _ of visitor.get([aliceRecord().id])) break;
    await visitor.close();
    return true;
  } catch {
    return false;
  }
}

describe('a ban', () => {
  it('counts at once, until it is taken back', async () => {
    expect(await isLetIn()).toBe(true);
    await admin('bans', 'add', `${HERE}/32`, '--for', '1h', '--reason', 'test');
    await vi.waitUntil(async () => !(await isLetIn()), { timeout: 10_000 });
    const who = await told<{ bans: { subject: string; inForce: boolean }[] }>('whois', HERE);
    expect(who.bans).toMatchObject([{ subject: HERE, inForce: true, reason: 'test' }]);
    await admin('allow', 'add', HERE);
    await vi.waitUntil(isLetIn, { timeout: 10_000 });
    await admin('allow', 'remove', HERE);
    await vi.waitUntil(async () => !(await isLetIn()), { timeout: 10_000 });
    await admin('bans', 'remove', HERE);
    await vi.waitUntil(isLetIn, { timeout: 10_000 });
  });

  it('that misbehaviour earned is listed and can be pardoned, which is noted', async () => {
    const { hostname, port } = new URL(server.url);
    const earned = async (): Promise<{ subject: string }[]> =>
      (await told<{ earned: { subject: string }[] }>('bans', 'list')).earned;
    expect(await earned()).toEqual([]);
    const misbehave = async (): Promise<void> => {
      const socket = connectSocket(Number(port), hostname);
      await once(socket, 'connect');
      socket.on('error', () => {}).end('this is no handshake\r\n\r\n');
      socket.resume();
      await once(socket, 'close');
    };
    const isBanned = async (): Promise<boolean> => {
      // Some at a time: while the command is run points decay.
      await Promise.all(Array.from({ length: 10 }, misbehave));
      return (await earned()).length > 0;
    };
    await vi.waitUntil(isBanned, { timeout: 60_000 });
    expect(await earned()).toMatchObject([{ subject: HERE, count: 1 }]);
    expect(await admin('bans', 'list')).toContain(`${HERE}  until `);
    const dry = await admin('bans', 'pardon', HERE, '--dry-run');
    expect(dry).toContain('dry run, nothing was changed: 1 pardoned');
    expect(await earned()).toHaveLength(1);
    expect(await admin('bans', 'pardon', HERE, '--as', 'carol')).toContain('1 pardoned');
    expect(await earned()).toEqual([]);
    expect(await admin('bans', 'pardon', HERE)).toContain('nothing to pardon');
    const { entries } = await told<{ entries: unknown[] }>('audit', 'list');
    expect(entries.at(-1)).toMatchObject({ by: 'carol', action: 'bans pardon', on: [HERE] });
  });
});

describe('what is in use', () => {
  it('is told: the budgets, who comes nearest to a limit, and what somebody uses', async () => {
    const alice = await client(ALICE);
    try {
      for (let i = 0; i < 20; i++) await alice.publish(aliceRecord());
      const { budgets, busiest } = await told<{
        budgets: { kind: string; standing: string; limits: { what: string }[] }[];
        busiest: { subject: string; what: string }[];
      }>('limits');
      expect(budgets).toHaveLength(16);
      expect(budgets[0]!.limits.map(({ what }) => what)).toContain('submissions');
      expect(busiest.map(({ subject }) => subject)).toContain(key);
      const text = await admin('limits');
      expect(text).toMatch(/address, anonymous\n {2}connects +[\d,]+ and [\d,]+ a second\n/);
      expect(text).toContain(`  ${key} (`);
      const usage = await admin('limits', key, '--standing', 'authenticated');
      expect(usage).toMatch(/connections +1 of \d+ \(\d+ %\) at a time/);
      const who = await told<{
        standing: string;
        key: { held: { outbox: { written: { records: number } } } };
      }>('whois', key);
      expect(who.standing).toBe('authenticated');
      expect(who.key.held.outbox.written.records).toBe(20);
      expect(await admin('whois', key)).toMatch(
        /outbox +20 records \(.*\) of theirs, nothing to them/,
      );
    } finally {
      await alice.close();
    }
  });

  it('is not told where no server runs, and everything else is', async () => {
    await server.stop();
    const limits = await runAdmin(['limits', '--data', folder]);
    expect(limits.code).toBe(2);
    expect(limits.stderr).toContain('no server runs on');
    expect(await admin('bans', 'list')).toContain('earned bans are not known: no server runs on');
    const who = await told<{ limits: unknown[]; limitsFault: string; key: unknown }>('whois', key);
    expect(who).toMatchObject({ limits: [], key: { registered: null } });
    expect(who.limitsFault).toContain('no server runs on');
  });
});
