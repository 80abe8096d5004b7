/**
 * Opens a gateway's listeners as the settings say, and takes leave of its clients at the end: what
 * the embedded server and the gateway service do alike.
 */
import type { AbuseControl } from '@mosaic-cluster/abuse';
import { makeTlsIdentity } from '@mosaic-cluster/certificate';
import {
  encodeServerKey,
  hexEncode,
  isMosaicError,
  MosaicError,
  type PublicKey,
  publicKeyOf,
  type SecretKey,
} from '@mosaic-cluster/protocol';
import type { HostPort, Lifecycle, Metrics } from '@mosaic-cluster/runtime';
import type { Gateway } from './gateway.ts';
import type { AbuseConfig } from './visitors/abuse-settings.ts';
import type { GatewayConfig } from './gateway-settings.ts';
import type { GatewayLimits } from './limits.ts';
import { AddressRanges } from './listener/address-ranges.ts';
import type { Listener, ListenerOptions } from './listener/listener.ts';
import { openFastListener } from './listener/listener-fast.ts';
import { ListenerFigures, type ListenerName } from './listener/listener-metrics.ts';
import { openMtlsListener } from './listener/listener-mtls.ts';

/** Who decides on connections that no gateway knows of yet. */
export type ListenerDoor = Pick<AbuseControl, 'arrives' | 'handshakeFailed'>;

/** The listeners that are not off. */
export interface OpenListeners {
  readonly mtls: Listener | undefined;
  readonly uws: Listener | undefined;
}

/** In place of the defaults where an operator turns limits off to measure. */
const WITHOUT_LIMITS: Partial<GatewayLimits> = {
  openRequestsMax: 65_536,
  connectionSubmissionsMax: 16_384,
  connectionsBusyFrom: Number.MAX_SAFE_INTEGER,
};

/** Parts of a listener's connections; the table of limits says it to people. */
const BUSY_PART = 2;
const SHARED_PART = 32;

/** What the settings say of a gateway's limits. */
export function configuredLimits({
  limits,
  connectionsMax,
}: Pick<AbuseConfig & GatewayConfig, 'limits' | 'connectionsMax'>): Partial<GatewayLimits> {
  if (!limits) return WITHOUT_LIMITS;
  return {
    connectionsBusyFrom: Math.ceil(connectionsMax / BUSY_PART),
    connectionsSharedMax: Math.ceil(connectionsMax / SHARED_PART),
  };
}

/**
 * Opens the listeners; they are closed with the lifecycle. What becomes of their connections is
 * counted in the metrics.
 *
 * @throws MosaicError `unavailable` with code `listen`, naming the setting
 */
export async function openListeners(
  config: GatewayConfig,
  serverSecretKey: SecretKey,
  { gateway, door }: { readonly gateway: Gateway; readonly door: ListenerDoor },
  metrics: Metrics,
  lifecycle: Lifecycle,
): Promise<OpenListeners> {
  const tls = makeTlsIdentity(serverSecretKey);
  const page = pageText(publicKeyOf(serverSecretKey));
  const { proxyProtocolFrom } = config;
  const proxyFrom = proxyProtocolFrom.length > 0 ? new AddressRanges(proxyProtocolFrom) : undefined;
  const optionsAt = ({ host, port }: HostPort): Omit<ListenerOptions, 'tls'> => ({
    host,
    port,
    serviceUrl: config.serviceUrl,
    page,
    proxyFrom,
    limits: { connectionsMax: config.connectionsMax, idleTimeoutMs: config.idleTimeout },
    accept: (socket) => gateway.accept(socket),
    arrives: (address) => door.arrives(address),
    handshakeFailed: (address) => door.handshakeFailed(address),
    failed: (error) => lifecycle.log.error('a connection failed', { error }),
  });
  const { mtlsListen, uwsListen } = config;
  const names: ListenerName[] = [];
  if (mtlsListen !== 'off') names.push('mtls');
  if (uwsListen !== 'off') names.push('uws');
  const figures = new ListenerFigures(metrics, names);
  const mtls =
    mtlsListen === 'off'
      ? undefined
      : await namingSetting('MOSAIC_MTLS_LISTEN', () =>
          openMtlsListener({ ...optionsAt(mtlsListen), ...figures.optionsFor('mtls'), tls }),
        );
  if (mtls !== undefined) {
    lifecycle.add('mTLS listener', mtls);
    figures.watch('mtls', mtls);
  }
  const uws =
    uwsListen === 'off'
      ? undefined
      : await namingSetting('MOSAIC_UWS_LISTEN', () =>
          openFastListener(
            {
              ...optionsAt(uwsListen),
              ...figures.optionsFor('uws'),
              tls: config.uwsTls ? tls : undefined,
            },
            config.uwsEngine,
            (sentence) => lifecycle.log.warn(sentence),
          ),
        );
  if (uws !== undefined) {
    lifecycle.add('uWS listener', uws);
    figures.watch('uws', uws);
  }
  return { mtls, uws };
}

/** Takes no more clients, and says goodbye to those that are there, spread over the drain time. */
export async function dismissClients(
  { mtls, uws }: OpenListeners,
  gateway: Gateway,
  drainTimeMs: number,
): Promise<void> {
  for (const listener of [mtls, uws]) listener?.stopAccepting();
  await gateway.drain(drainTimeMs);
}

/** Opens a listener; where it cannot, the error says which setting asks for it. */
async function namingSetting(name: string, open: () => Promise<Listener>): Promise<Listener> {
  try {
    return await open();
  } catch (cause) {
    if (!isMosaicError(cause)) throw cause;
    const remedy = 'stop what listens there, or name another address (port 0: any free one)';
    throw new MosaicError(cause.kind, cause.code, `${name}: ${cause.message}: ${remedy}`, {
      cause,
    });
  }
}

function pageText(serverKey: PublicKey): string {
  return [
    'This is a Mosaic server. Mosaic is a network where people own their identity and their records.',
    '',
    'There is nothing to see for a browser: clients connect here by WebSocket, with the',
    'subprotocol mosaic2024.',
    '',
    `Server key: ${encodeServerKey(serverKey)}`,
    `In hex:     ${hexEncode(serverKey)}`,
  ].join('\n');
}
