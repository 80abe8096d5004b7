/**
 * What the client asks of a WebSocket implementation, so that Node, browsers and tests each bring
 * their own. A transport speaks TLS and WebSocket; it knows nothing of Mosaic's messages.
 */
import type { PublicKey, SecretKey } from '@mosaic-cluster/protocol';

/** Where to connect, and how. */
export interface TransportTarget {
  /** `wss://host:port/`, or `ws://…` without TLS. */
  readonly url: string;
  /** Offered in this order; none: the header is not sent. */
  readonly subprotocols: readonly string[];
  /** Further headers of the upgrade request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Who this side is: the key of the client certificate. Absent: anonymous. */
  readonly secretKey: SecretKey | undefined;
  /**
   * Decides, within the TLS handshake, on the Ed25519 key of the server's self-signed certificate;
   * throws to refuse it. Absent: the certificate authorities of this machine decide.
   */
  readonly checkServerKey: ((key: PublicKey) => void) | undefined;
  /** Longest message to receive; a longer one ends the connection. */
  readonly messageBytesMax: number;
  /** For everything up to the server's answer to the upgrade, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** What the two sides agreed on before the first message. */
export interface HandshakeInfo {
  /** The subprotocol that the server picked; empty: none. */
  readonly subprotocol: string;
  /** The server's `X-Mosaic-Service-Url`; undefined where it sent none or, as in browsers, headers are hidden. */
  readonly serviceUrl: string | undefined;
  /** The extensions that the server accepted. */
  readonly extensions: readonly string[];
  /** The key that the server proved; undefined without TLS or behind a certificate authority. */
  readonly serverKey: PublicKey | undefined;
}

/** How a connection ended. */
export interface CloseInfo {
  /** The WebSocket close code; 1006 where the connection broke without one. */
  readonly code: number;
  /** The close frame's text. */
  readonly reason: string;
  /** What broke, where the transport knows. */
  readonly cause: unknown;
}

/** Who hears what comes in on a connection. None of the calls may throw. */
export interface TransportListener {
  /** A binary message. Copy what is kept: the bytes may lie in a larger buffer. */
  message(bytes: Uint8Array): void;
  /** A text message came. */
  text(): void;
  /** The answer to the oldest {@link TransportSocket.ping} that was not answered yet. */
  pong(): void;
  /** The connection is over. Called once, and nothing after it; not where opening it failed. */
  closed(close: CloseInfo): void;
}

/** One open connection. */
export interface TransportSocket {
  readonly handshake: HandshakeInfo;
  /** Whether {@link ping} works. */
  readonly canPing: boolean;
  /** Whether {@link pause} works. */
  readonly canPause: boolean;
  /** Bytes sent that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** Sends a binary message; `bytes` must not change afterwards. Nothing happens once closed. */
  send(bytes: Uint8Array): void;
  /** Sends a text message, which Mosaic has none of. */
  sendText(text: string): void;
  /** Stops reading from the network; a few more messages may still come. */
  pause(): void;
  resume(): void;
  ping(): void;
  /** Sends a close frame after everything sent so far. */
  close(code: number, reason: string): void;
  /** Ends the connection without a word. */
  terminate(): void;
}

/** An implementation of WebSocket. */
export interface Transport {
  /** Whether it can check the server's key and present a key of its own. */
  readonly knowsKeys: boolean;
  /**
   * Connects; resolves when the server has accepted the upgrade.
   *
   * @throws MosaicError `unavailable` with code `connect` where nobody answers, `invalid` with code
   *   `handshake` where the answer is none of a Mosaic server, what `checkServerKey` throws, and
   *   the reason of `signal`
   */
  open(target: TransportTarget, listener: TransportListener): Promise<TransportSocket>;
}
