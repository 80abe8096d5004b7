/**
 * The options by which every networked command knows its server and shows who it is.
 */
import { type PublicKey, type SecretKey } from '@mosaic-cluster/protocol';
import { type Command, InvalidArgumentError } from 'commander';
import { resolveServerUrl, type ServerTarget } from '../server-target.ts';
import { blaming, usageError } from './exit-code.ts';
import type { Host } from './host.ts';
import { parsePublicKey } from './parse-key.ts';
import { readPassword, readSecretKey } from './secret-source.ts';

/** The options that {@link addConnectionOptions} adds. */
export interface ConnectionOptions {
  readonly server?: string;
  readonly serverKey?: string;
  readonly certificateAuthorities?: true;
  readonly secret?: string;
  readonly passwordStdin?: true;
  readonly anonymous?: true;
  /** Seconds. */
  readonly timeout?: number;
  readonly json?: true;
  readonly quiet?: true;
}

/** How they work, for help texts. */
export const CONNECTION_HELP = `
The server: mosaicwss://HOST[:PORT]/ (port 443 unless named), wss://…, or ws://… without TLS. It is
known by its key. Without --server-key the key that it shows first is believed, kept in
~/.config/mosaic/known-servers, and must be the same from then on. ws:// has no encryption, no
server key and no client key: anybody on the way can read along and answer in its place.

With a secret key the connection is authenticated (by a client certificate), which servers ask for
before they hand out private records; --anonymous keeps the key to yourself.`;

const TIMEOUT_SECONDS_MAX = 86_400;

/** Adds the options. @param secretUse what `--secret` is for */
export function addConnectionOptions(command: Command, secretUse: string): Command {
  return command
    .option('--server <url>', 'the server; default: MOSAIC_SERVER')
    .option('--server-key <key>', 'the key that it must show: mosrv0… or hex')
    .option('--certificate-authorities', 'it has a certificate of an authority, and no key')
    .option('--secret <key>', `${secretUse}: @FILE or mosec0…; default: MOSAIC_SECRET_KEY`)
    .option('--password-stdin', 'take the password of an encrypted key from standard input')
    .option('--anonymous', 'do not show the server who you are')
    .option('--timeout <seconds>', 'for connecting, and for each answer', parseTimeout)
    .option('--json', 'print JSON, one line each')
    .option('--quiet', 'say nothing but results and errors');
}

function parseTimeout(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds > 0 && seconds <= TIMEOUT_SECONDS_MAX) return seconds;
  throw new InvalidArgumentError(`Give seconds, more than 0, at most ${TIMEOUT_SECONDS_MAX}.`);
}

/** A whole number within bounds, for an option's value. */
export function parseWhole(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
  };
}

/** Which server, and how it is known. */
export interface ServerChoice {
  readonly url: string;
  readonly target: ServerTarget;
  readonly serverKey: PublicKey | undefined;
}

/** Reads what the options say of the server. @throws MosaicError with code `usage` */
export function readServer(host: Host, options: ConnectionOptions): ServerChoice {
  const url = options.server ?? host.settings.server;
  const option = options.server === undefined ? 'MOSAIC_SERVER' : '--server';
  if (url === undefined) {
    throw usageError(
      '--server',
      'there is no server to talk to',
      'Name one: --server mosaicwss://host/, or set MOSAIC_SERVER.',
    );
  }
  const remedy = 'Such as mosaicwss://mosaic.example/ or wss://127.0.0.1:8443/.';
  const target = blaming(option, remedy, () => resolveServerUrl(url));
  const { serverKey, certificateAuthorities } = options;
  if (serverKey !== undefined && certificateAuthorities === true) {
    throw usageError('--server-key', 'excludes --certificate-authorities', 'Give one of the two.');
  }
  if (!target.isSecure && (serverKey !== undefined || certificateAuthorities === true)) {
    const given = serverKey === undefined ? '--certificate-authorities' : '--server-key';
    throw usageError(given, 'ws:// shows no key', 'Use wss:// or mosaicwss://, or leave it out.');
  }
  const key = serverKey === undefined ? undefined : parsePublicKey('--server-key', serverKey);
  return { url, target, serverKey: key };
}

/**
 * The user's key, where there is one.
 *
 * @throws MosaicError with code `usage`, or `unauthorized` for a wrong password
 */
export async function readIdentity(
  host: Host,
  options: ConnectionOptions,
): Promise<SecretKey | undefined> {
  if (options.secret === undefined && host.settings.secretKey === undefined) return undefined;
  const password = options.passwordStdin === true ? await readPassword(host) : undefined;
  return readSecretKey(host, options.secret, password);
}
