/** What a client can be told, what it assumes, and what it refuses. */
import {
  assertSecretKey,
  asPublicKey,
  MosaicError,
  type PublicKey,
  type SecretKey,
  type ValidationTools,
} from '@mosaic-cluster/protocol';
import type { ClientEvent } from './client-event.ts';
import type { ClientDeps } from './deps.ts';
import type { PublishLimits } from './publisher.ts';
import {
  checkPace,
  RECONNECT_DEFAULTS,
  type ReconnectOptions,
  RETRY_DEFAULTS,
  type RetryOptions,
} from './reconnect.ts';
import { resolveServerUrl, type ServerTarget } from './server-target.ts';
import { RESUME_DEFAULTS, type ResumeOptions } from './subscription-script.ts';
import type { Transport } from './transport.ts';
import type { TrustStore } from './trust-store.ts';

/** Which server, and how both sides know each other. Exactly one way to know it with TLS. */
export interface ServerOptions {
  /** `mosaicwss://host[:port]/`, `wss://host[:port]/`, or `ws://…` for no TLS at all. */
  readonly url: string;
  /** The key that the server must show, 32 bytes. */
  readonly serverKey?: PublicKey;
  /** Remembers the key that the server shows first; see `openTrustStoreFile`. */
  readonly trustStore?: TrustStore;
  /** The server has a certificate of a certificate authority and shows no key. Browsers: always. */
  readonly certificateAuthorities?: boolean;
  /** Who this client is; absent: anonymous. Used for the client certificate and nothing else. */
  readonly clientSecretKey?: SecretKey;
  /** Mosaic extensions to ask for. */
  readonly extensions?: readonly string[];
  /** For connecting, TLS and upgrade included. Default: 10,000. */
  readonly connectTimeoutMs?: number;
}

/** Everything that `connect` can be told. Durations are in milliseconds. */
export interface ClientOptions extends ServerOptions {
  /** Ends connecting, and later the client, at once. */
  readonly signal?: AbortSignal;
  /** How long the server may owe an answer. Default: 30,000. */
  readonly answerTimeoutMs?: number;
  /** How often a sign of life is asked for. Default: 20,000. */
  readonly probeIntervalMs?: number;
  /** How long `close` waits for submissions under way. Default: 5,000. */
  readonly drainTimeoutMs?: number;
  /** Gets, queries and subscriptions open at a time. Default: 1,024. */
  readonly openQueriesMax?: number;
  /** What a query or subscription keeps for a slow caller. Default: 4 MiB. */
  readonly bufferBytesMax?: number;
  /** How a lost connection is replaced; false: it isn't. */
  readonly reconnect?: Partial<ReconnectOptions> | false;
  /** How requests are repeated. */
  readonly retry?: Partial<RetryOptions>;
  /** How much is published at once. Default: 256 records, 16 MiB; 10,000 may wait. */
  readonly publish?: Partial<PublishLimits>;
  /** How subscriptions go on after an interruption. */
  readonly resume?: Partial<ResumeOptions>;
  /** Whether the signatures of received records are verified. Default: true. */
  readonly verify?: boolean;
  /** Faster replacements for the slow parts of verification. */
  readonly validation?: ValidationTools;
  /** Told what happens on the connection. What it throws is dropped. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** Clock, timers, randomness, network; the platform's where absent. */
  readonly deps?: Partial<ClientDeps>;
}

/** {@link ClientOptions} with nothing left out. */
export interface ResolvedOptions {
  readonly target: ServerTarget;
  readonly answerTimeoutMs: number;
  readonly probeIntervalMs: number;
  readonly drainTimeoutMs: number;
  readonly openQueriesMax: number;
  readonly bufferBytesMax: number;
  readonly reconnect: ReconnectOptions | undefined;
  readonly retry: RetryOptions;
  readonly publish: PublishLimits;
  readonly resume: ResumeOptions;
}

const PUBLISH_DEFAULTS: PublishLimits = {
  inFlightMax: 256,
  bytesInFlightMax: 16_777_216,
  queueMax: 10_000,
};
/** For connecting, in milliseconds. */
export const CONNECT_TIMEOUT_MS = 10_000;
/** Fewer than there are query ids, by far. */
const OPEN_QUERIES_MAX = 32_768;

/**
 * The options in force.
 *
 * @throws MosaicError `invalid` with code `client-options` or `server-url`, naming what is wrong
 */
export function resolveOptions(options: ClientOptions, transport: Transport): ResolvedOptions {
  const target = checkServer(options, transport);
  const resolved = {
    target,
    answerTimeoutMs: options.answerTimeoutMs ?? 30_000,
    probeIntervalMs: options.probeIntervalMs ?? 20_000,
    drainTimeoutMs: options.drainTimeoutMs ?? 5_000,
    openQueriesMax: options.openQueriesMax ?? 1_024,
    bufferBytesMax: options.bufferBytesMax ?? 4_194_304,
    reconnect:
      options.reconnect === false ? undefined : { ...RECONNECT_DEFAULTS, ...options.reconnect },
    retry: { ...RETRY_DEFAULTS, ...options.retry },
    publish: { ...PUBLISH_DEFAULTS, ...options.publish },
    resume: { ...RESUME_DEFAULTS, ...options.resume },
  };
  const { answerTimeoutMs, probeIntervalMs, drainTimeoutMs, openQueriesMax } = resolved;
  checkCounts({ answerTimeoutMs, probeIntervalMs, openQueriesMax });
  checkCounts({ bufferBytesMax: resolved.bufferBytesMax, ...resolved.publish });
  checkCounts({ 'resume.recentMax': resolved.resume.recentMax });
  if (openQueriesMax > OPEN_QUERIES_MAX) {
    throw wrong(`openQueriesMax must be at most ${OPEN_QUERIES_MAX}`);
  }
  checkPace('options', { drainTimeoutMs, overlapMs: resolved.resume.overlapMs });
  checkPace('retry', { ...resolved.retry });
  if (resolved.reconnect !== undefined) checkPace('reconnect', { ...resolved.reconnect });
  return resolved;
}

/**
 * Checks URL and keys, and that they go together.
 *
 * @throws MosaicError `invalid` with code `client-options` or `server-url`
 */
export function checkServer(options: ServerOptions, transport: Transport): ServerTarget {
  const target = resolveServerUrl(options.url);
  const { serverKey, trustStore, certificateAuthorities, clientSecretKey } = options;
  checkCounts({ connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS });
  if (serverKey !== undefined) asPublicKey(serverKey);
  if (clientSecretKey !== undefined) assertSecretKey(clientSecretKey);
  const usesKeys = serverKey !== undefined || trustStore !== undefined;
  if (usesKeys || clientSecretKey !== undefined) {
    if (!target.isSecure) {
      throw wrong('keys are shown by TLS, which ws:// has none of: use mosaicwss:// or wss://');
    }
    if (!transport.knowsKeys) {
      throw wrong('browsers can neither check a server key nor show a client key: leave them out');
    }
  }
  const ways = [serverKey !== undefined, trustStore !== undefined, certificateAuthorities === true];
  const count = ways.filter(Boolean).length;
  if (count > 1) {
    throw wrong('serverKey, trustStore and certificateAuthorities exclude each other');
  }
  if (count === 0 && target.isSecure && transport.knowsKeys) {
    throw wrong(
      'say how to know the server: by serverKey, by a trustStore, or by certificateAuthorities',
    );
  }
  return target;
}

function checkCounts(counts: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(counts)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw wrong(`${name} must be a positive whole number`);
  }
}

function wrong(message: string): MosaicError {
  return new MosaicError('invalid', 'client-options', message);
}
