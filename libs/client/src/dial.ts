/**
 * Opens one connection to the server that the options name and makes sure that it is that server
 * and speaks Mosaic.
 */
import {
  encodeServerKey,
  equalBytes,
  HEADER,
  MESSAGE_BYTES_MAX,
  MosaicError,
  type PublicKey,
  SUBPROTOCOL_2024,
} from '@mosaic-cluster/protocol';
import { CONNECT_TIMEOUT_MS, type ServerOptions } from './options.ts';
import type { ServerTarget } from './server-target.ts';
import type { Transport, TransportListener, TransportSocket } from './transport.ts';

/** How a connection differs from an ordinary one; for tests of servers. */
export interface DialVariant {
  /** Offered instead of `mosaic2024`; the answer is not checked then. */
  readonly subprotocols?: readonly string[];
  /** Further headers of the upgrade request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest message to receive. */
  readonly messageBytesMax?: number;
}

/**
 * Connects.
 *
 * @throws MosaicError `unauthorized` with code `server-key` naming the key that was expected and
 *   the one that was found; `invalid` with code `handshake` or `server-certificate`; `unavailable`
 *   with code `connect`; what the trust store throws; the signal's reason
 */
export async function dial(
  options: ServerOptions & { readonly signal?: AbortSignal | undefined },
  target: ServerTarget,
  transport: Transport,
  listener: TransportListener,
  variant: DialVariant = {},
): Promise<TransportSocket> {
  const { trustStore, extensions = [] } = options;
  const expected = options.serverKey ?? (await trustStore?.get(target.server));
  const usesKeys = options.serverKey !== undefined || trustStore !== undefined;
  const asked = extensions.length === 0 ? {} : { [HEADER.extensions]: extensions.join(';') };
  const socket = await transport.open(
    {
      url: target.url,
      subprotocols: variant.subprotocols ?? [SUBPROTOCOL_2024],
      headers: { ...asked, ...variant.headers },
      secretKey: options.clientSecretKey,
      checkServerKey: usesKeys ? (found) => expectKey(target, expected, found) : undefined,
      messageBytesMax: variant.messageBytesMax ?? MESSAGE_BYTES_MAX,
      timeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      signal: options.signal,
    },
    listener,
  );
  try {
    const { subprotocol, serverKey } = socket.handshake;
    if (variant.subprotocols === undefined && subprotocol !== SUBPROTOCOL_2024) {
      const why = `it answered with the subprotocol "${subprotocol}", not ${SUBPROTOCOL_2024}`;
      const message = `${target.url} is no Mosaic server: ${why}`;
      throw new MosaicError('invalid', 'handshake', message);
    }
    if (trustStore !== undefined && expected === undefined && serverKey !== undefined) {
      await trustStore.add(target.server, serverKey);
    }
    return socket;
  } catch (error) {
    socket.terminate();
    throw error;
  }
}

function expectKey(target: ServerTarget, expected: PublicKey | undefined, found: PublicKey): void {
  if (expected === undefined || equalBytes(expected, found)) return;
  throw new MosaicError(
    'unauthorized',
    'server-key',
    `${target.url} is not the server that was expected: its key should be ` +
      `${encodeServerKey(expected)}, but it shows ${encodeServerKey(found)}`,
  );
}
