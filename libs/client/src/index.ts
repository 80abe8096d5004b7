/**
 * The client of Mosaic servers for Node: publish, get, query, subscribe over one connection that
 * replaces itself. `index-browser.ts` is the same for browsers.
 */
import { MosaicClient } from './client.ts';
import type { ClientOptions } from './options.ts';
import { openRaw, type RawConnection, type RawOptions } from './raw-connection.ts';
import { nodeTransport } from './transport-node.ts';

export type { ClientEvent } from './client-event.ts';
export {
  type FilterLike,
  MosaicClient,
  type QueryOptions,
  type RequestOptions,
} from './client.ts';
export type { ClientDeps } from './deps.ts';
export type { DialVariant } from './dial.ts';
export type { ClientOptions, ServerOptions } from './options.ts';
export type {
  PublishManyOptions,
  PublishOptions,
  PublishOutcome,
  PublishResult,
  RecordLike,
} from './publish.ts';
export type { RecordSource } from './publish-many.ts';
export type { PublishLimits } from './publisher.ts';
export { RawConnection, type RawOptions } from './raw-connection.ts';
export {
  type BackoffOptions,
  RECONNECT_DEFAULTS,
  type ReconnectOptions,
  RETRY_DEFAULTS,
  type RetryOptions,
} from './reconnect.ts';
export { isResultError, ResultError } from './result-error.ts';
export { StreamIterator } from './stream-iterator.ts';
export {
  RESUME_DEFAULTS,
  type ResumeOptions,
  type SubscriptionEvent,
} from './subscription-script.ts';
export type {
  CloseInfo,
  HandshakeInfo,
  Transport,
  TransportListener,
  TransportSocket,
  TransportTarget,
} from './transport.ts';
export {
  type BrowserWebSocket,
  type BrowserWebSocketClass,
  browserTransport,
  makeBrowserTransport,
} from './transport-browser.ts';
export type { TrustStore } from './trust-store.ts';
export { nodeTransport } from './transport-node.ts';
export { openTrustStoreFile } from './trust-store-file.ts';

/**
 * Connects to a server, in one attempt; from then on a lost connection is replaced.
 *
 * @throws MosaicError `unauthorized` with code `server-key` where the server shows another key than
 *   the one expected; `invalid` with code `client-options`, `server-url`, `server-certificate` or
 *   `handshake`; `unavailable` with code `connect`; the reason of the signal
 */
export async function connect(options: ClientOptions): Promise<MosaicClient> {
  return new MosaicClient(options, nodeTransport).open();
}

/** Opens a connection without any help; throws as {@link connect}. */
export async function connectRaw(options: RawOptions): Promise<RawConnection> {
  return openRaw(options, nodeTransport);
}
