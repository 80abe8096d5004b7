/**
 * The client of Mosaic servers for browsers. What differs from Node: the certificate authorities
 * vouch for the server, and the connection is anonymous, because a browser shows no keys.
 */
import { MosaicClient } from './client.ts';
import type { ClientOptions } from './options.ts';
import { openRaw, type RawConnection, type RawOptions } from './raw-connection.ts';
import { browserTransport } from './transport-browser.ts';

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

/** Connects to a server, in one attempt; from then on a lost connection is replaced. */
export async function connect(options: ClientOptions): Promise<MosaicClient> {
  return new MosaicClient(options, browserTransport).open();
}

/** Opens a connection without any help. */
export async function connectRaw(options: RawOptions): Promise<RawConnection> {
  return openRaw(options, browserTransport);
}
