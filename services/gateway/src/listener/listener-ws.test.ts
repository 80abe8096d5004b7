/** The listener over `ws` without client certificates, as the contract has it. */
import { describeListener } from './listener-contract.ts';
import { openWsListener } from './listener-ws.ts';

for (const tls of [true, false]) {
  describeListener({
    name: tls ? 'ws over TLS' : 'ws without TLS',
    tls,
    open: openWsListener,
    idleTimeoutMs: 400,
    refusesByHead: true,
    http10: true,
  });
}
