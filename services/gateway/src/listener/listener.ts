/**
 * What the gateway asks of a WebSocket listener. The connection layer is written against these
 * interfaces only; how a listener speaks TLS and frames messages is its own affair, and
 * `listener-contract.ts` says what all of them have in common.
 */
import type { TlsIdentity } from '@mosaic-cluster/certificate';
import type { AddressRanges } from './address-ranges.ts';
import type { ListenerEvent } from './listener-events.ts';
import type { ListenerLimits } from './listener-limits.ts';
import type { ReceiveBudget } from './receive-budget.ts';

/**
 * From this many buffered bytes on, {@link SocketHandler.drained} is promised. Whoever streams many
 * messages to one client stops at the mark and goes on when `drained` is called.
 */
export const DRAIN_MARK_BYTES: number = 65_536;

/**
 * From this many bytes of input on a message that is not whole is long enough to ask whether its client
 * may go on with it. More than one read from a socket, which may hold the beginning of any message.
 */
export const LONG_PART_BYTES: number = 131_072;

/** One client's WebSocket, whichever listener accepted it. */
export interface ClientSocket {
  /**
   * The client's IP address as text: no port, no zone, IPv4 never dressed as IPv6. Behind a balancer
   * that says whose a connection is, it is what that says.
   */
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
  /**
   * Whether the client may go on with a message of which {@link LONG_PART_BYTES} or more have come and
   * which is not whole. False: it is given up, as when it is crowded out. Asked again and again, by
   * listeners that see parts of messages.
   */
  mayReceive(): boolean;
  /** A message was given up, or its client is gone, after so many bytes. Told by the same. */
  wasted(bytes: number): void;
  /**
   * The parts of a message that this client sends are given up, because the process holds too many
   * bytes of unfinished messages and those of this client weigh most, or it may not go on. The handler may send a last
   * message; then the listener closes with 1013.
   */
  crowdedOut(): void;
  /** {@link ClientSocket.bufferedBytes} is 0 after having reached {@link DRAIN_MARK_BYTES}. */
  drained(): void;
  /** The connection is over. Called exactly once, and nothing after it. */
  closed(): void;
}

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
  /**
   * Balancers: what comes from here begins with a header of the PROXY protocol. From elsewhere such a
   * header is a broken handshake.
   */
  readonly proxyFrom?: AddressRanges | undefined;
  /**
   * Whether a connection from this address may go on; false: it is cut. Asked before anything but a
   * balancer's header was read from it, with uWebSockets.js when its HTTP request is there.
   */
  readonly arrives?: ((address: string) => boolean) | undefined;
  /** Told of a handshake that failed by the client's fault, or took too long. */
  readonly handshakeFailed?: ((address: string) => void) | undefined;
  /** Makes the handler of a connection; it may already send or close. */
  readonly accept: (socket: ClientSocket) => SocketHandler;
  /**
   * Counts the bytes of unfinished messages; listeners of one process share it. By default a
   * listener has one of its own.
   */
  readonly receiveBudget?: ReceiveBudget | undefined;
  /** Counts what becomes of connections. */
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
  /** Connections that are no WebSockets yet; undefined where the library does not tell. */
  readonly handshakes: number | undefined;
  /** How many of these wait for their handshake to begin; undefined as above. */
  readonly waiting: number | undefined;
  /** Takes no further connections; open ones go on. */
  stopAccepting(): void;
  /** Closes everything: 1001 to every client, who has `closeTimeoutMs` to answer. */
  close(): Promise<void>;
}
