/** A server starts with and without the native module. */
import { afterEach, expect, it } from 'vitest';
import { makeTlsIdentity } from '@mosaic-cluster/certificate';
import { AddressRanges } from './address-ranges.ts';
import { connectBehind, connectClient, proxyLine } from './contract-client.ts';
import { eventually } from './contract-server.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import { openFastListener } from './listener-fast.ts';

const options: ListenerOptions = {
  host: '127.0.0.1',
  port: 0,
  page: '',
  accept: (socket) => ({
    message: (bytes) => void socket.send(bytes),
    text() {},
    tooLarge() {},
    mayReceive: () => true,
    wasted() {},
    crowdedOut() {},
    drained() {},
    closed() {},
  }),
};

let listener: Listener | undefined;
afterEach(async () => listener?.close());

async function echoes(): Promise<void> {
  if (listener === undefined) throw new Error('no listener');
  const client = await connectClient(listener);
  client.websocket.send(Buffer.of(1, 2, 3));
  await eventually(() => client.messages).toEqual([Buffer.of(1, 2, 3)]);
}

it('uses uWebSockets.js without a word where it loads', async () => {
  const warnings: string[] = [];
  listener = await openFastListener(options, 'auto', (sentence) => warnings.push(sentence));
  await echoes();
  expect(warnings).toEqual([]);
  // The library does not tell of those.
  expect(listener.handshakes).toBeUndefined();
});

it.each([
  ['over TLS', 'auto', true],
  ['where it is told to', 'ws', false],
] as const)('uses ws without a word %s', async (_, engine, isSecure) => {
  const warnings: string[] = [];
  const tls = isSecure ? makeTlsIdentity(new Uint8Array(32).fill(1)) : undefined;
  const warn = (sentence: string): void => void warnings.push(sentence);
  listener = await openFastListener({ ...options, tls }, engine, warn);
  await echoes();
  expect(warnings).toEqual([]);
  expect(listener.handshakes).toBe(0);
});

it('uses ws and says why where balancers say whose connections are', async () => {
  const warnings: string[] = [];
  const tls = makeTlsIdentity(new Uint8Array(32).fill(1));
  const proxyFrom = new AddressRanges(['127.0.0.1']);
  const addresses: string[] = [];
  const accept: ListenerOptions['accept'] = (socket) => {
    addresses.push(socket.remoteAddress);
    return options.accept(socket);
  };
  listener = await openFastListener({ ...options, tls, proxyFrom, accept }, 'uws', (sentence) =>
    warnings.push(sentence),
  );
  await connectBehind(listener, proxyLine('203.0.113.9'));
  expect(addresses).toEqual(['203.0.113.9']);
  expect(warnings).toEqual([expect.stringContaining('cannot be relied on to read PROXY headers')]);
});

it('uses ws and says why where it does not', async () => {
  const warnings: string[] = [];
  listener = await openFastListener(
    options,
    'auto',
    (sentence) => warnings.push(sentence),
    async () => {
      throw new Error('only Node.js 16, 18 and 20 is supported\n\ndlopen failed');
    },
  );
  await echoes();
  expect(warnings).toEqual([expect.stringContaining('(only Node.js 16, 18 and 20 is supported)')]);
});
