/**
 * Every bound of a listener in one table, from which docs/limits.md is made: what is counted, how
 * much is allowed unless somebody says otherwise, and what happens beyond it.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { LimitSpec } from '../limit-spec.ts';
import { DRAIN_MARK_BYTES } from './listener.ts';

/** The names of the bounds. */
export type ListenerLimitName =
  | 'connectionsMax'
  | 'handshakesMax'
  | 'handshakesPerAddressMax'
  | 'handshakesPerSecondMax'
  | 'handshakeWaitMs'
  | 'upgradesPerSecondMax'
  | 'handshakeTimeoutMs'
  | 'proxyHeaderTimeoutMs'
  | 'headerBytesMax'
  | 'messageBytesMax'
  | 'receivingBytesMax'
  | 'outputBytesMax'
  | 'controlFramesMax'
  | 'idleTimeoutMs'
  | 'closeTimeoutMs';

/** Every bound with its default; durations are in milliseconds. */
export const LISTENER_LIMIT_TABLE: Readonly<Record<ListenerLimitName, LimitSpec>> = {
  connectionsMax: {
    value: 10_000,
    what: 'WebSockets open at a time',
    overflow: 'the handshake is answered with HTTP 503',
  },
  handshakesMax: {
    value: 2_500,
    what: 'connections that have not finished their TLS and WebSocket handshakes; a quarter of connectionsMax, but at least 256 (not known to uWebSockets.js)',
    overflow:
      'of the address that holds the most of them the oldest is cut, in favour of the new one',
  },
  handshakesPerAddressMax: {
    value: 2_000,
    what: 'the same, of one IPv4 address or one IPv6 network of 64 bits; four fifths of handshakesMax (not known to uWebSockets.js)',
    overflow: 'the oldest of this address is cut, in favour of the new one',
  },
  handshakesPerSecondMax: {
    value: 500,
    what: 'handshakes begun per second, in turns of 10 milliseconds; fewer where the process is busy, for turns that come late are not made up for (not with uWebSockets.js)',
    overflow: 'the connection waits, unread; who waits takes turns by address, as above',
  },
  handshakeWaitMs: {
    value: 5_000,
    what: 'milliseconds that a connection waits for its handshake to begin',
    overflow: 'the connection is cut',
  },
  upgradesPerSecondMax: {
    value: 4_000,
    what: 'requests per second that become WebSockets; from half of it on an eighth for each address (uWebSockets.js only)',
    overflow: 'the request is answered with HTTP 503 and Retry-After, some seconds',
  },
  handshakeTimeoutMs: {
    value: 10_000,
    what: 'milliseconds for the TLS handshake, and again for the HTTP request after it (8 to 12 seconds for both with uWebSockets.js)',
    overflow: 'the connection is cut',
  },
  proxyHeaderTimeoutMs: {
    value: 3_000,
    what: "milliseconds for a balancer's PROXY header, of at most 107 bytes (version 1) or 1 040 (version 2)",
    overflow: 'the connection is cut',
  },
  headerBytesMax: {
    value: 8_192,
    what: 'bytes in the head of an HTTP request',
    overflow: 'the request is answered with HTTP 431',
  },
  messageBytesMax: {
    value: 1_048_584,
    what: 'bytes of one message',
    overflow: 'Closing TOO_LARGE, and the connection is closed with 1009',
  },
  receivingBytesMax: {
    value: 134_217_728,
    what: 'bytes that unfinished messages hold in memory, of all connections of the process (not known to uWebSockets.js, where a connection may hold twice messageBytesMax)',
    overflow:
      'of the address whose unfinished messages weigh most (bytes by age) the heaviest connection gets Closing TOO_FAST and is closed with 1013',
  },
  outputBytesMax: {
    value: 4_194_304,
    what: 'bytes that one client has not read yet',
    overflow: 'the connection is cut',
  },
  controlFramesMax: {
    value: 200,
    what: 'pings and pongs of one connection in ten seconds',
    overflow: 'the connection is cut',
  },
  idleTimeoutMs: {
    value: 60_000,
    what: 'milliseconds on which nothing moves on a connection; it is pinged well before',
    overflow: 'the connection is cut',
  },
  closeTimeoutMs: {
    value: 3_000,
    what: 'milliseconds that a client may take to answer a close frame',
    overflow: 'the connection is cut',
  },
};

/** The bounds of a listener. */
export type ListenerLimits = Readonly<Record<ListenerLimitName, number>>;

/** Connections that are still shaking hands may be this part of `connectionsMax`. */
const HANDSHAKES_SHARE = 0.25;
/** And this many in any case. */
const HANDSHAKES_MIN = 256;
/** One address may have this part of them, so that others need not push to get in. */
const ADDRESS_SHARE = 0.8;

/** The defaults. */
export const LISTENER_LIMITS: ListenerLimits = Object.fromEntries(
  Object.entries(LISTENER_LIMIT_TABLE).map(([name, { value }]) => [name, value]),
) as ListenerLimits;

/**
 * The limits in force.
 *
 * @throws MosaicError `invalid` with code `listener-limits` where they contradict each other
 */
export function resolveLimits(limits: Partial<ListenerLimits> = {}): ListenerLimits {
  const { connectionsMax } = { ...LISTENER_LIMITS, ...limits };
  const handshakesMax =
    limits.handshakesMax ?? Math.max(HANDSHAKES_MIN, Math.ceil(connectionsMax * HANDSHAKES_SHARE));
  const handshakesPerAddressMax = Math.ceil(handshakesMax * ADDRESS_SHARE);
  const resolved = { ...LISTENER_LIMITS, handshakesMax, handshakesPerAddressMax, ...limits };
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
