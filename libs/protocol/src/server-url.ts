/**
 * Server URLs: `mosaicwss://host[:port]/`, which name where a server listens and nothing else.
 *
 * Source: Mosaic specification 0.8.0, "Server URL".
 */
import { MosaicError } from './error.ts';

/** The port that a URL without one means. */
export const SERVER_PORT_DEFAULT = 443;

/** A server's place. */
export interface ServerAddress {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

const SHAPE = /^mosaicwss:\/\/(?<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(?<port>\d{1,5}))?\/$/;

/**
 * Reads a server URL.
 *
 * @throws MosaicError `invalid` with code `server-url`: another scheme, a user, password, path,
 *   query or fragment, a bad host or port
 */
export function parseServerUrl(text: string): ServerAddress {
  const { host = '', port = String(SERVER_PORT_DEFAULT) } = SHAPE.exec(text)?.groups ?? {};
  const number = Number(port);
  if (host === '' || number < 1 || number > 65_535) {
    throw new MosaicError('invalid', 'server-url', 'a server URL is mosaicwss://host[:port]/');
  }
  return { host: host.startsWith('[') ? host.slice(1, -1) : host, port: number };
}

/** The URL of a server; the default port is left out. */
export function formatServerUrl(address: ServerAddress): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const port = address.port === SERVER_PORT_DEFAULT ? '' : `:${address.port}`;
  return `mosaicwss://${host}${port}/`;
}
