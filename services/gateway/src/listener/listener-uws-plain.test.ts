/** The listener over uWebSockets.js without TLS, as the contract has it. */
import { describeListener } from './listener-contract.ts';
import { openUwsListener } from './listener-uws.ts';
import { loadUws } from './uws-module.ts';

const uws = await loadUws();

describeListener({
  name: 'uWebSockets.js without TLS',
  tls: false,
  open: async (options) => openUwsListener(uws, options),
  idleTimeoutMs: 8000,
  handshakeFixedMs: 12_000,
  refusesByHead: false,
  http10: false,
});
