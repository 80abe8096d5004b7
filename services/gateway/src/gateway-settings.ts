/** The settings that every process with a gateway in it has, the embedded server included. */
import { isMosaicError, parseServerUrl } from '@mosaic-cluster/protocol';
import { type ConfigOf, settingTexts } from '@mosaic-cluster/runtime';
import { AddressRanges } from './listener/address-ranges.ts';

/** Settings of a gateway. */
export const gatewaySettings = {
  mtlsListen: {
    name: 'MOSAIC_MTLS_LISTEN',
    type: 'hostPort',
    default: '127.0.0.1:8443',
    doc: 'Where clients with or without a client certificate connect. Port 0 takes any free one; use 0.0.0.0 to be reached from other machines.',
  },
  uwsListen: {
    name: 'MOSAIC_UWS_LISTEN',
    type: 'hostPort',
    default: '127.0.0.1:8444',
    doc: 'Where clients without a client certificate connect: nobody is asked for one here, which browsers show to people.',
  },
  uwsTls: {
    name: 'MOSAIC_UWS_TLS',
    type: 'boolean',
    default: true,
    doc: 'Whether the second listener speaks TLS. Turn it off only behind a balancer that does, or to measure.',
  },
  uwsEngine: {
    name: 'MOSAIC_UWS_ENGINE',
    type: 'enum',
    values: ['auto', 'uws', 'ws'],
    default: 'auto',
    doc: 'What the second listener is made of. uws is uWebSockets.js, which serves some more clients per core, but over TLS cannot pace handshakes, nor bound what an address makes it hold. auto takes it where the listener does not speak TLS, behind a balancer that does; see docs/balancers.md.',
  },
  proxyProtocolFrom: {
    name: 'MOSAIC_PROXY_PROTOCOL_FROM',
    type: 'list',
    of: { type: 'string' },
    default: 'none',
    doc: 'Address ranges of balancers, like 10.0.0.0/8 or 2001:db8::7, from which every connection begins with a PROXY protocol header, version 1 or 2, that says whose it is. The second listener then uses the ws package, see docs/balancers.md.',
  },
  serviceUrl: {
    name: 'MOSAIC_SERVICE_URL',
    type: 'string',
    optional: true,
    doc: 'The URL that clients are told to use, as mosaicwss://host[:port]/.',
  },
  roles: {
    name: 'MOSAIC_ROLES',
    type: 'list',
    of: { type: 'enum', values: ['outbox', 'inbox', 'encryption'] },
    countMin: 1,
    default: 'outbox,inbox,encryption',
    doc: 'The roles to play.',
  },
  connectionsMax: {
    name: 'MOSAIC_CONNECTIONS_MAX',
    type: 'integer',
    min: 1,
    max: 1_000_000,
    default: 10_000,
    doc: 'Most connections at a time, per listener.',
  },
  idleTimeout: {
    name: 'MOSAIC_IDLE_TIMEOUT',
    type: 'duration',
    min: '8s',
    max: '16m',
    default: '2m',
    doc: 'A connection on which nothing moves is pinged well before this and cut after it. uWebSockets.js counts whole seconds and none below 8.',
  },
  drainTime: {
    name: 'MOSAIC_DRAIN_TIME',
    type: 'duration',
    min: '0s',
    max: '10m',
    default: '2s',
    doc: 'Time over which connections are closed when the server stops.',
  },
} as const;

/** What the settings of a gateway amount to. */
export type GatewayConfig = ConfigOf<typeof gatewaySettings>;

/** The settings that say what clients may do, as they are in force, by name. */
export function gatewaySettingTexts(config: GatewayConfig): Record<string, string> {
  const { roles, connectionsMax, idleTimeout } = gatewaySettings;
  return settingTexts({ roles, connectionsMax, idleTimeout }, config);
}

/** What is wrong with settings that are well formed, each by itself. */
export function gatewayProblems(config: GatewayConfig): string[] {
  const { serviceUrl, proxyProtocolFrom, mtlsListen, uwsListen } = config;
  const problems: string[] = [];
  const rangeFault = faultOf(() => new AddressRanges(proxyProtocolFrom));
  if (rangeFault !== undefined) problems.push(`MOSAIC_PROXY_PROTOCOL_FROM: ${rangeFault}`);
  if (serviceUrl !== undefined) {
    const why = faultOf(() => parseServerUrl(serviceUrl));
    if (why !== undefined) problems.push(`MOSAIC_SERVICE_URL="${serviceUrl}": ${why}`);
  }
  if (mtlsListen === 'off' && uwsListen === 'off') {
    problems.push('MOSAIC_MTLS_LISTEN and MOSAIC_UWS_LISTEN are both off: nobody could connect');
  }
  return problems;
}

/** What is wrong with a text that `parse` refuses. */
function faultOf(parse: () => unknown): string | undefined {
  try {
    parse();
    return undefined;
  } catch (error) {
    if (isMosaicError(error)) return error.message;
    throw error;
  }
}
