/**
 * Connects, lets a command do its work, and closes: what to tell the user about the connection, and
 * what to advise where it fails, is the same for every command.
 */
import {
  encodeServerKey,
  isMosaicError,
  MosaicError,
  type SecretKey,
} from '@mosaic-cluster/protocol';
import type { ClientEvent } from '../client-event.ts';
import type { MosaicClient } from '../client.ts';
import { connect } from '../index.ts';
import type { ClientOptions } from '../options.ts';
import { openTrustStoreFile } from '../trust-store-file.ts';
import type { TrustStore } from '../trust-store.ts';
import { type ConnectionOptions, readServer, type ServerChoice } from './connection-options.ts';
import { interruptedError } from './exit-code.ts';
import type { Host } from './host.ts';
import type { StatusLine } from './status-line.ts';

/** What a command works with. */
export interface Work {
  readonly client: MosaicClient;
  /** Replaces what Ctrl-C does while connecting, which is to give up. */
  readonly onInterrupt: (run: () => void) => void;
}

/** How the connection is made. */
export interface ConnectionInput {
  readonly host: Host;
  readonly options: ConnectionOptions;
  readonly status: StatusLine;
  /** Who to connect as; undefined: anonymously. */
  readonly secretKey: SecretKey | undefined;
  readonly publish?: ClientOptions['publish'];
  readonly verify?: boolean;
}

/** What to do where the server wants to know who asks. */
export const AUTHENTICATION_ADVICE: string =
  'Give --secret, and the URL of a listener that takes client certificates (the embedded server\n' +
  'prints it as "for every client").';

/** Pauses between attempts of somebody who sits and waits. */
const RECONNECT = { initialMs: 250, maxMs: 10_000, shutdownSpreadMs: 2_000 } as const;

/**
 * Connects and runs `work`; Ctrl-C before that ends it.
 *
 * @throws MosaicError; see `exitCodeOf`
 */
export async function withClient(
  input: ConnectionInput,
  work: (work: Work) => Promise<void>,
): Promise<void> {
  const { host, options, status } = input;
  const server = readServer(host, options);
  const ended = new AbortController();
  let interrupt = (): void => ended.abort(interruptedError());
  const off = host.onInterrupt(() => interrupt());
  try {
    const client = await connect(clientOptions(input, server, ended.signal));
    try {
      const onInterrupt = (run: () => void): void => {
        interrupt = run;
      };
      await work({ client, onInterrupt });
    } finally {
      await client.close();
    }
  } catch (error) {
    if (ended.signal.aborted) throw ended.signal.reason;
    throw advised(error, host, options, server);
  } finally {
    off();
    status.clear();
  }
}

function clientOptions(
  input: ConnectionInput,
  server: ServerChoice,
  signal: AbortSignal,
): ClientOptions {
  const { options, status, secretKey, publish, verify = true } = input;
  const { target, url, serverKey } = server;
  const timeoutMs = options.timeout === undefined ? undefined : Math.ceil(options.timeout * 1000);
  const limits =
    timeoutMs === undefined
      ? {}
      : { connectTimeoutMs: timeoutMs, answerTimeoutMs: timeoutMs, retry: { timeoutMs } };
  const common = {
    url,
    signal,
    verify,
    reconnect: RECONNECT,
    onEvent: observer(status),
    ...limits,
    ...(publish === undefined ? {} : { publish }),
  };
  if (!target.isSecure) {
    status.note('ws:// has no encryption, shows no server key, and takes no client key');
    return common;
  }
  const identity = secretKey === undefined ? {} : { clientSecretKey: secretKey };
  if (options.certificateAuthorities === true) {
    return { ...common, ...identity, certificateAuthorities: true };
  }
  if (serverKey !== undefined) return { ...common, ...identity, serverKey };
  return { ...common, ...identity, trustStore: knownServers(input.host, status) };
}

/** The keys of servers met before; says so when one is met for the first time. */
function knownServers(host: Host, status: StatusLine): TrustStore {
  const path = host.knownServersPath;
  const file = openTrustStoreFile(path);
  return {
    get: (server) => file.get(server),
    async add(server, key) {
      try {
        await file.add(server, key);
      } catch (error) {
        if (isMosaicError(error)) throw error;
        const why = error instanceof Error ? error.message : String(error);
        const message = `the server's key cannot be kept: ${why}\nName it with --server-key.`;
        throw new MosaicError('unavailable', 'trust-store', message, { cause: error });
      }
      // Not a note: --quiet must not hide that somebody was believed.
      status.warn(
        `${host.errorPaint.yellow('note:')} first connection to ${server}, whose key is\n` +
          `  ${encodeServerKey(key)}\n` +
          `It is kept in ${path}; a server that shows another one is refused from now on.`,
      );
    },
  };
}

function observer(status: StatusLine): (event: ClientEvent) => void {
  let isLost = false;
  return (event) => {
    if (event.name === 'reconnecting' || event.name === 'retrying') {
      isLost ||= event.name === 'reconnecting';
      const seconds = (event.delayMs / 1000).toFixed(1);
      status.note(`${event.error.message}; trying again in ${seconds} s`);
    } else if (event.name === 'connected' && isLost) {
      isLost = false;
      status.note('connected again');
    }
  };
}

/** The error with what to do about it, where the error itself does not know. */
function advised(
  error: unknown,
  host: Host,
  options: ConnectionOptions,
  server: ServerChoice,
): unknown {
  if (!isMosaicError(error)) return error;
  const advice = adviceOn(error, host, options, server);
  if (advice === undefined) return error;
  const { kind, code, message } = error;
  return new MosaicError(kind, code, `${message}\n${advice}`, { cause: error });
}

function adviceOn(
  error: MosaicError,
  host: Host,
  options: ConnectionOptions,
  server: ServerChoice,
): string | undefined {
  switch (error.code) {
    case 'connect':
      if (server.target.isSecure) return 'Is the server running, and is --server right?';
      return 'Is the server running, and does it listen without TLS there? Else it is wss://.';
    case 'server-key':
      if (options.serverKey !== undefined) return 'Nothing was sent to it. Check --server-key.';
      return (
        `${host.errorPaint.red('THE KEY OF THIS SERVER HAS CHANGED')} since it was first met. ` +
        'Somebody may have put a\nserver of their own in its place, or its operator has made a ' +
        'new key. Nothing was sent to it.\nIf the operator confirms the new key, remove the ' +
        `line of ${server.target.server} from\n${host.knownServersPath}`
      );
    case 'server-certificate':
      return 'On the command line that is --certificate-authorities.';
    case 'requires-authentication':
      return AUTHENTICATION_ADVICE;
    default:
      return undefined;
  }
}
