/** Everybody comes back at once, as after a restart, and those who are there already are served. */
import { once } from 'node:events';
import { makeTlsIdentity } from '@mosaic-cluster/certificate';
import { afterEach, expect, it } from 'vitest';
import { connectClient, connectRaw, upgradeRequest } from './contract-client.ts';
import { type ContractServer, openContractServer } from './contract-server.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import { openMtlsListener } from './listener-mtls.ts';
import { openUwsListener } from './listener-uws.ts';
import { loadUws } from './uws-module.ts';

const uws = await loadUws();
const CLIENTS = 600;
const TIMEOUT = { timeout: 90_000 };

let server: ContractServer | undefined;
afterEach(async () => server?.listener.close());

async function openServer(
  open: (options: ListenerOptions) => Promise<Listener>,
): Promise<ContractServer> {
  const fixture = {
    name: 'storm',
    tls: true,
    open,
    idleTimeoutMs: 60_000,
    refusesByHead: true,
    http10: true,
    readsProxy: true,
    seesUnfinished: true,
  };
  const reactions: Parameters<typeof openContractServer>[3] = {
    message: ({ socket }, bytes) => void socket.send(bytes),
  };
  server = await openContractServer(
    fixture,
    makeTlsIdentity(new Uint8Array(32).fill(1)),
    {},
    reactions,
  );
  return server;
}

/** Comes until it is let in, and then goes. */
async function comeBack({ listener }: ContractServer, number: number): Promise<number> {
  const address = `127.1.${number >> 8}.${number & 0xff}`;
  for (let tries = 1; ; tries++) {
    try {
      const raw = await connectRaw(listener, true, address);
      raw.socket.write(upgradeRequest());
      await Promise.race([once(raw.socket, 'data'), raw.ended]);
      const [status] = raw.received().toString().split('\r\n');
      raw.socket.destroy();
      if (status?.startsWith('HTTP/1.1 101')) return tries;
    } catch {
      // It waited for too long, or was pushed out.
    }
  }
}

/** The honest one: how often it was answered, and how often while others waited at the door. */
async function beServed(
  { listener }: ContractServer,
  over: AbortSignal,
): Promise<{ answered: number; meanwhile: number }> {
  const client = await connectClient(listener);
  let answered = 0;
  let meanwhile = 0;
  while (!over.aborted) {
    client.websocket.send(Buffer.of(answered & 0xff));
    await once(client.websocket, 'message');
    answered += 1;
    if ((listener.waiting ?? 0) > 0) meanwhile += 1;
  }
  expect(client.messages).toHaveLength(answered);
  return { answered, meanwhile };
}

async function storm(on: ContractServer): Promise<{ answered: number; meanwhile: number }> {
  const over = new AbortController();
  const honest = beServed(on, over.signal);
  const clients = Array.from({ length: CLIENTS }, (_, number) => comeBack(on, number));
  expect(await Promise.all(clients)).toHaveLength(CLIENTS);
  over.abort();
  return honest;
}

it('lets all in, in turns, and answers who is in already', TIMEOUT, async () => {
  const on = await openServer(openMtlsListener);
  const { meanwhile } = await storm(on);
  // One answer a turn, at the least, for most of the sixty turns of six hundred handshakes.
  expect(meanwhile).toBeGreaterThan(30);
  expect(on.course.filter((event) => event === 'opened').length).toBeGreaterThan(CLIENTS);
  expect(on.listener.waiting).toBe(0);
});

it('lets all in with uWebSockets.js', TIMEOUT, async () => {
  const on = await openServer(async (options) => openUwsListener(uws, options));
  const { answered } = await storm(on);
  expect(answered).toBeGreaterThan(0);
  expect(on.course.filter((event) => event === 'opened').length).toBeGreaterThan(CLIENTS);
});
