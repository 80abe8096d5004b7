/**
 * What every listener of the gateway does, over real sockets. A new implementation is right when it
 * passes this suite; where a library leaves it no choice, {@link ListenerFixture} says so.
 */
import { afterAll, describe } from 'vitest';
import { makeTlsIdentity } from '@mosaic-cluster/certificate';
import { describeCrowd } from './contract-crowd.ts';
import { describeDoor } from './contract-door.ts';
import { describeFloods } from './contract-floods.ts';
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

/** Registers the suite for implementations that differ in little but TLS. */
export function describeListener(...fixtures: ListenerFixture[]): void {
  const servers: ContractServer[] = [];
  const tls = makeTlsIdentity(SERVER_SEED);
  const opener =
    (fixture: ListenerFixture): Open =>
    async (reactions = {}, options = {}) => {
      const server = await openContractServer(fixture, tls, options, reactions);
      servers.push(server);
      return server;
    };
  for (const fixture of fixtures) {
    describe(fixture.name, () => {
      describeHandshake(fixture, opener(fixture));
      describeTraffic(fixture, opener(fixture));
      describeCrowd(fixture, opener(fixture));
      describeDoor(fixture, opener(fixture));
      describeFloods(fixture, opener(fixture));
    });
  }
  // All at the same time, because waiting is all they do.
  describe.concurrent('timeouts', () => {
    for (const fixture of fixtures) {
      describe.concurrent(fixture.name, () => describeTimeouts(fixture, opener(fixture)));
    }
  });
  afterAll(async () => {
    await Promise.all(servers.map(({ listener }) => listener.close()));
  });
}
