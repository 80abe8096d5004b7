/** The listener over `ws` without client certificates, as the contract has it. */
import type { ListenerFixture } from './contract-server.ts';
import { describeListener } from './listener-contract.ts';
import { openWsListener } from './listener-ws.ts';

describeListener(fixture(true), fixture(false));

function fixture(tls: boolean): ListenerFixture {
  return {
    name: tls ? 'ws over TLS' : 'ws without TLS',
    tls,
    open: openWsListener,
    idleTimeoutMs: 400,
    refusesByHead: true,
    http10: true,
    readsProxy: true,
    seesUnfinished: true,
  };
}
