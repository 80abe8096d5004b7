/** Starts a gateway. */
import { runService } from '@mosaic-cluster/cluster';
import { readGatewayConfig, settings } from './config.ts';
import { startGateway } from './start-gateway.ts';

await runService({
  name: 'gateway',
  about: 'takes the connections of clients and asks the role workers behind NATS.',
  settings,
  readConfig: readGatewayConfig,
  start: startGateway,
});
