/** The listener over uWebSockets.js, as the contract has it, and what only it can get wrong. */
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { makeTlsIdentity } from '@mosaic-cluster/certificate';
import { AddressRanges } from './address-ranges.ts';
import type { ListenerFixture } from './contract-server.ts';
import { describeListener, SERVER_SEED } from './listener-contract.ts';
import { openUwsListener } from './listener-uws.ts';
import { loadUws } from './uws-module.ts';

const uws = await loadUws();

describeListener(fixture(true), fixture(false));

function fixture(tls: boolean): ListenerFixture {
  return {
    name: tls ? 'uWebSockets.js over TLS' : 'uWebSockets.js without TLS',
    tls,
    open: async (options) => openUwsListener(uws, options),
    idleTimeoutMs: 8000,
    handshakeFixedMs: 12_000,
    refusesByHead: false,
    http10: false,
    readsProxy: false,
    seesUnfinished: false,
  };
}

const options = {
  host: '127.0.0.1',
  port: 0,
  page: '',
  accept(): never {
    throw new Error('nobody connects here');
  },
};

/** Of this process: others on this machine may open listeners too. */
function keyDirectories(): string[] {
  const directories = [tmpdir(), '/dev/shm'];
  return directories.flatMap((directory) =>
    readdirSync(directory).filter((name) => name.startsWith(`mosaic-tls-${process.pid}-`)),
  );
}

it('leaves no key behind on the disk', async () => {
  const listener = openUwsListener(uws, { ...options, tls: makeTlsIdentity(SERVER_SEED) });
  expect(keyDirectories()).toEqual([]);
  await listener.close();
});

it('refuses to look for PROXY headers', () => {
  const proxyFrom = new AddressRanges(['127.0.0.1']);
  expect(() => openUwsListener(uws, { ...options, proxyFrom })).toThrow(
    expect.objectContaining({ kind: 'invalid', code: 'listener-proxy' }),
  );
});

it('refuses a key that is not the one of the certificate', () => {
  const { certificate } = makeTlsIdentity(SERVER_SEED);
  const { key } = makeTlsIdentity(new Uint8Array(32).fill(2));
  expect(() => openUwsListener(uws, { ...options, tls: { certificate, key } })).toThrow(
    expect.objectContaining({ kind: 'invalid', code: 'listener-tls' }),
  );
  expect(keyDirectories()).toEqual([]);
});
