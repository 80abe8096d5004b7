/**
 * What the gateway asks of a WebSocket listener. The connection layer is written against these
 * interfaces only; how a listener speaks TLS and frames messages is its own affair, and
 * `listener-contract.ts` says what all of them have in common.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { TlsIdentity } from '@mosaic-cluster/certificate';

/**
 * From this many buffered bytes on, {@link SocketHandler.drained} is promised. Whoever streams many
 * messages to one client stops at the mark and goes on when `drained` is called.
 */
export const DRAIN_MARK_BYTES: number = 65_536;

/** One client's WebSocket, whichever listener accepted it. */
export interface ClientSocket {
  /** The peer's IP address as text: no port, no zone, IPv4 never dressed as IPv6. */
  readonly remoteAddress: string;
  /** 32 bytes: the key of the client's certificate; undefined where it presented none. */
  readonly clientKey: Uint8Array | undefined;
  /** Bytes that {@link send} accepted and the kernel has not taken yet. 0 once closed. */
  readonly bufferedBytes: number;
  /**
   * Sends one binary message. `message` belongs to the caller again on return.
   *
   * Where the message would bring {@link bufferedBytes} above `outputBytesMax`, the connection is
   * cut: a client that does not read never holds more memory than that.
   *
   * @returns false where the socket is closing, closed or just cut: the message goes nowhere
   */
  send(message: Uint8Array): boolean;
  /** Runs `write` and sends what it sent in as few system calls as the listener can. */
  cork(write: () => void): void;
  /**
   * Sends a close frame after everything sent so far. Nothing is received from then on; a peer that
   * does not answer is cut after `closeTimeoutMs`. Later calls do nothing.
   *
   * @param code a WebSocket close code that an endpoint may send
   * @param reason at most 123 bytes of UTF-8; what is longer is shortened
   */
  close(code: number, reason: string): void;
}

/**
 * What the connection layer does with one socket. Calls never overlap and none of them happens
 * inside a call to {@link ClientSocket}. A handler that throws is reported to
 * {@link ListenerOptions.failed} and its connection closed with 1011.
 */
export interface SocketHandler {
  /** A binary message. `bytes` is valid during the call only; copy what is kept. */
  message(bytes: Uint8Array): void;
  /** A text message came; Mosaic has none, so its content is of no interest. */
  text(): void;
  /**
   * A message longer than `messageBytesMax` is coming. The handler may send a last message; then
   * the listener closes with 1009.
   */
  tooLarge(): void;
  /** {@link ClientSocket.bufferedBytes} is 0 after having reached {@link DRAIN_MARK_BYTES}. */
  drained(): void;
  /** The connection is over. Called exactly once, and nothing after it. */
  closed(): void;
}

/** Something an operator wants to see counted. */
export type ListenerEvent =
  /** The TLS handshake failed or took too long. */
  | 'refused-tls'
  /** The client's certificate names no key that Mosaic accepts. */
  | 'refused-certificate'
  /** The HTTP request is none that this listener upgrades or answers. */
  | 'refused-request'
  /** `connectionsMax` is reached. */
  | 'refused-full'
  /** Nothing was heard for `idleTimeoutMs`. */
  | 'cut-idle'
  /** The client did not read and `outputBytesMax` was reached. */
  | 'cut-output'
  /** The client sent a message above `messageBytesMax`. */
  | 'cut-too-large';

/** The bounds of a listener. Durations are in milliseconds. */
export interface ListenerLimits {
  /** Longest message; a longer one ends its connection. */
  readonly messageBytesMax: number;
  /** Most bytes buffered for one client; past it the connection is cut. */
  readonly outputBytesMax: number;
  /** A connection on which nothing moved for this long is cut; it is pinged well before. */
  readonly idleTimeoutMs: number;
  /** For the TLS handshake, and again for the HTTP request after it. */
  readonly handshakeTimeoutMs: number;
  /** How long a peer may take to answer a close frame. */
  readonly closeTimeoutMs: number;
  /** Longest head of an HTTP request; a longer one is answered with 431. */
  readonly headerBytesMax: number;
  /** Most WebSockets at a time; a further one is answered with 503. */
  readonly connectionsMax: number;
}

/** Bounds that suit a small server. */
export const LISTENER_LIMITS: ListenerLimits = {
  messageBytesMax: 1_048_584,
  outputBytesMax: 4_194_304,
  idleTimeoutMs: 60_000,
  handshakeTimeoutMs: 10_000,
  closeTimeoutMs: 3_000,
  headerBytesMax: 8_192,
  connectionsMax: 10_000,
};

/** What a listener needs to know. */
export interface ListenerOptions {
  /** Address or name to listen at. */
  readonly host: string;
  /** 0: any free port, see {@link Listener.port}. */
  readonly port: number;
  /** Certificate and key; without it the listener speaks plain HTTP, where it can. */
  readonly tls?: TlsIdentity | undefined;
  /** Announced to clients in `X-Mosaic-Service-Url`. */
  readonly serviceUrl?: string | undefined;
  /** Extensions to accept, by name. */
  readonly extensions?: readonly string[] | undefined;
  /** Plain text for people who open the address in a browser: what this is, its key. */
  readonly page: string;
  readonly limits?: Partial<ListenerLimits> | undefined;
  /** Makes the handler of a connection; it may already send or close. */
  readonly accept: (socket: ClientSocket) => SocketHandler;
  /** Counts refusals and cut connections. */
  readonly observe?: ((event: ListenerEvent) => void) | undefined;
  /** Told of an error that a handler threw, which is a bug. */
  readonly failed?: ((error: unknown) => void) | undefined;
}

/** A listening server. */
export interface Listener {
  /** Where clients connect: `wss://host:port/`, or `ws://…` without TLS. */
  readonly url: string;
  readonly port: number;
  /** WebSockets open at present. */
  readonly connections: number;
  /** Takes no further connections; open ones go on. */
  stopAccepting(): void;
  /** Closes everything: 1001 to every client, who has `closeTimeoutMs` to answer. */
  close(): Promise<void>;
}

/**
 * The limits in force.
 *
 * @throws MosaicError `invalid` with code `listener-limits` where they contradict each other
 */
export function resolveLimits(limits: Partial<ListenerLimits> = {}): ListenerLimits {
  const resolved = { ...LISTENER_LIMITS, ...limits };
  for (const [name, value] of Object.entries(resolved)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new MosaicError('invalid', 'listener-limits', `${name} must be a positive whole number`);
  }
  if (resolved.outputBytesMax < resolved.messageBytesMax + DRAIN_MARK_BYTES) {
    throw new MosaicError(
      'invalid',
      'listener-limits',
      `outputBytesMax must be at least ${DRAIN_MARK_BYTES} more than messageBytesMax, or the ` +
        'largest message could never be sent',
    );
  }
  return resolved;
}
