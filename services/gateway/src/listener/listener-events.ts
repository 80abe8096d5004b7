/**
 * What listeners tell whoever counts: one word for everything that can become of a connection, so
 * that figures have few labels, all known beforehand.
 */

/**
 * Words for what became of a connection, in the order of its life. A client that goes away before
 * it has a WebSocket is no event.
 */
export const LISTENER_EVENTS = [
  /** A balancer's connection began with no PROXY header, or not in time. */
  'refused-proxy',
  /** Its address opens too many connections. */
  'refused-rate',
  /** The TLS handshake failed. */
  'refused-tls',
  /** The client's certificate names no key that Mosaic accepts. */
  'refused-certificate',
  /** The HTTP request is none that this listener upgrades or answers. */
  'refused-request',
  /** The TLS handshake or the HTTP request took longer than `handshakeTimeoutMs`. */
  'refused-late',
  /** `connectionsMax` is reached, or the process has no file descriptor left. */
  'refused-full',
  /** More WebSockets than `upgradesPerSecondMax` were asked for. */
  'refused-pace',
  /** The listener takes no further connections. */
  'refused-stopping',
  /** Cut before it was a WebSocket, in favour of another: its address held too many such. */
  'dropped-address',
  /** The same, because all addresses together held too many. */
  'dropped-all',
  /** Cut because it waited longer than `handshakeWaitMs` for its handshake to begin. */
  'dropped-waiting',
  /** A WebSocket was accepted. It ends with exactly one of the events below. */
  'opened',
  /** The client closed it, or vanished. */
  'left',
  /** The server said goodbye. */
  'closed',
  /** Nothing was heard for `idleTimeoutMs`. */
  'cut-idle',
  /** The client did not read and `outputBytesMax` was reached. */
  'cut-output',
  /** The client sent a message above `messageBytesMax`. */
  'cut-too-large',
  /** The client sent more than `controlFramesMax` pings and pongs. */
  'cut-control',
  /** Unfinished messages held too many bytes, and this client's weighed most. */
  'cut-receiving',
] as const;

/** Something an operator wants to see counted. */
export type ListenerEvent = (typeof LISTENER_EVENTS)[number];
