/** What happens on a client's connection, for logs and status displays. */
import type { MosaicError } from '@mosaic-cluster/protocol';
import type { HandshakeInfo } from './transport.ts';

/** One of the events that `onEvent` is called with. */
export type ClientEvent =
  | { readonly name: 'connected'; readonly handshake: HandshakeInfo }
  /** The server said why it is about to close the connection; see `RESULT`. */
  | { readonly name: 'closing'; readonly result: number }
  | {
      readonly name: 'disconnected';
      readonly error: MosaicError;
      /** WebSocket close code and text. */
      readonly code: number;
      readonly reason: string;
    }
  | {
      readonly name: 'reconnecting';
      /** Failures in a row so far. */
      readonly attempt: number;
      readonly delayMs: number;
      readonly error: MosaicError;
    }
  /** The server could not answer a Get, query or subscription, which is made again. */
  | {
      readonly name: 'retrying';
      /** Failures in a row so far. */
      readonly attempt: number;
      readonly delayMs: number;
      /** Names the request and what the server said. */
      readonly error: MosaicError;
    }
  /** A message that means nothing here and was passed over. */
  | { readonly name: 'stray'; readonly message: string }
  /** The last event. `error` is undefined where the client was closed by its owner. */
  | { readonly name: 'ended'; readonly error: MosaicError | undefined };
