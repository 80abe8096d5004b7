/** Holds the bus over NATS to the contract, on one server and across two. */
import { type NatsServer, startNats, startNatsCluster } from '@mosaic-cluster/test-servers';
import { afterAll, beforeAll, describe } from 'vitest';
import { describeBus } from './bus-contract.ts';
import { Buses, CONFIG } from './testing/nats-buses.ts';

describe('on one server', () => {
  let server: NatsServer;
  beforeAll(async () => {
    server = await startNats({ config: CONFIG });
  });
  afterAll(() => server.stop());
  describeBus('NATS', async () => {
    const buses = new Buses();
    const [worker, gateway] = [await buses.connect([server]), await buses.connect([server])];
    return { worker, gateway, destroy: () => buses.close() };
  });
});

describe('across two servers', () => {
  let servers: NatsServer[];
  beforeAll(async () => {
    servers = await startNatsCluster(2, { config: CONFIG });
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
  });
  describeBus('NATS', async () => {
    const buses = new Buses();
    const worker = await buses.connect(servers.slice(0, 1));
    const gateway = await buses.connect(servers.slice(1));
    return { worker, gateway, destroy: () => buses.close() };
  });
});
