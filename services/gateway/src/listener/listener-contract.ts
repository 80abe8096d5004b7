/**
 * What every listener of the gateway does, over real sockets. A new implementation is right when it
 * passes this suite; where a library leaves it no choice, {@link ListenerFixture} says so.
 */
import { afterAll, describe } from 'vitest';
import { makeTlsIdentity } from './certificate.ts';
import { describeHandshake } from './contract-handshake.ts';
import { describeTraffic } from './contract-messages.ts';
import {
  type ContractServer,
  type ListenerFixture,
  type Open,
  openContractServer,
} from './contract-server.ts';
import { describeTimeouts } from './contract-timeouts.ts';

/** Secret key of the servers under test. */
export const SERVER_SEED: Uint8Array = new Uint8Array(32).fill(1);

/** Registers the suite for one implementation. */
export function describeListener(fixture: ListenerFixture): void {
  const tls = makeTlsIdentity(SERVER_SEED);
  describe(fixture.name, () => {
    const servers: ContractServer[] = [];
    afterAll(async () => {
      await Promise.all(servers.map(({ listener }) => listener.close()));
    });
    const open: Open = async (reactions = {}, options = {}) => {
      const server = await openContractServer(fixture, tls, options, reactions);
      servers.push(server);
      return server;
    };
    describeHandshake(fixture, open);
    describeTraffic(fixture, open);
    describeTimeouts(fixture, open);
  });
}
