/** Connects to NATS, with the patience and the errors that a start needs. */
import { MosaicError } from '@mosaic-cluster/protocol';
import {
  type Authenticator,
  AuthorizationError,
  connect,
  credsAuthenticator,
  type NatsConnection,
  nkeyAuthenticator,
  type NodeConnectionOptions,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { type BusLimits, PAYLOAD_BYTES_MIN } from './bus-limits.ts';
import { payloadFault } from './nats-link.ts';

const ATTEMPT_PAUSE_MS = 250;

/** How to say who one is; none of them: anonymous. */
export interface NatsIdentity {
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** The seed of a user nkey, `SU…`. */
  readonly nkeySeed?: string;
  /** The contents of a credentials file. */
  readonly credentials?: string;
}

/** Texts in PEM form. With any of them, even none, the server must speak TLS. */
export interface NatsTls {
  /** Who signed the server's certificate; by default whom the system trusts. */
  readonly certificateAuthority?: string;
  readonly certificate?: string;
  readonly key?: string;
}

/** Where and how to connect. */
export interface NatsConnectOptions extends NatsIdentity {
  /** As `nats://host:4222`; more become known from the servers themselves. */
  readonly servers: readonly string[];
  /** Shown by the server's monitoring. */
  readonly name?: string;
  /** What reply subjects begin with, where permissions ask for it; by default `_INBOX`. */
  readonly inboxPrefix?: string;
  readonly tls?: NatsTls;
}

/**
 * Connects; tries again for a while where nobody answers.
 *
 * @throws MosaicError `unauthorized` (`bus-refused`), `unavailable` (`bus-unreachable`), `invalid`
 *   (`max-payload-too-small`)
 */
export async function connectNats(
  options: NatsConnectOptions,
  limits: BusLimits,
  notice: (sentence: string) => void,
): Promise<NatsConnection> {
  const deadline = performance.now() + limits.startTimeoutMs;
  const where = options.servers.join(', ');
  let lastReason: string | undefined;
  for (;;) {
    try {
      return await checked(await connect(clientOptions(options, limits)), where);
    } catch (cause) {
      if (cause instanceof MosaicError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      if (isRefusal(cause)) {
        const message = `NATS at ${where} does not let this process in: ${reason}`;
        throw new MosaicError('unauthorized', 'bus-refused', message, { cause });
      }
      if (performance.now() + ATTEMPT_PAUSE_MS > deadline) {
        const message = `NATS cannot be reached at ${where}: ${reason}`;
        throw new MosaicError('unavailable', 'bus-unreachable', message, { cause });
      }
      if (reason !== lastReason) {
        notice(`NATS cannot be reached at ${where} (${reason}): trying again`);
      }
      lastReason = reason;
      await new Promise((resolve) => setTimeout(resolve, ATTEMPT_PAUSE_MS));
    }
  }
}

async function checked(connection: NatsConnection, where: string): Promise<NatsConnection> {
  const bytes = connection.info?.max_payload ?? 0;
  if (bytes >= PAYLOAD_BYTES_MIN) return connection;
  await connection.close();
  throw payloadFault(where, bytes);
}

function isRefusal(error: unknown): boolean {
  return (
    error instanceof AuthorizationError ||
    (error instanceof Error && error.cause instanceof AuthorizationError)
  );
}

function clientOptions(options: NatsConnectOptions, limits: BusLimits): NodeConnectionOptions {
  const { servers, name, inboxPrefix, tls } = options;
  const authenticator = authenticatorOf(options);
  return {
    servers: [...servers],
    timeout: limits.connectTimeoutMs,
    pingInterval: limits.pingIntervalMs,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    reconnectJitterTLS: 500,
    // A wrong password may be put right while this process runs.
    ignoreAuthErrorAbort: true,
    // Stack traces of every request cost more than the request.
    noAsyncTraces: true,
    ...(name === undefined ? {} : { name }),
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
    ...(authenticator === undefined ? {} : { authenticator }),
    ...(tls === undefined ? {} : { tls: tlsOptions(tls) }),
  };
}

function tlsOptions(tls: NatsTls): NonNullable<NodeConnectionOptions['tls']> {
  return {
    ...(tls.certificateAuthority === undefined ? {} : { ca: tls.certificateAuthority }),
    ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
    ...(tls.key === undefined ? {} : { key: tls.key }),
  };
}

function authenticatorOf(identity: NatsIdentity): Authenticator | undefined {
  const { user, password, token, nkeySeed, credentials } = identity;
  const utf8 = new TextEncoder();
  // The client reads nothing where the last line does not end, as in a setting that was trimmed.
  if (credentials !== undefined) return credsAuthenticator(utf8.encode(`${credentials}\n`));
  if (nkeySeed !== undefined) return nkeyAuthenticator(utf8.encode(nkeySeed));
  if (user !== undefined) return usernamePasswordAuthenticator(user, password);
  return token === undefined ? undefined : tokenAuthenticator(token);
}
