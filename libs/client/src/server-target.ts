/**
 * From the URL that a caller gives to the one that WebSocket speaks, and to the name under which a
 * server is remembered.
 */
import { MosaicError, parseServerUrl } from '@mosaic-cluster/protocol';

/** A server to connect to. */
export interface ServerTarget {
  /** `wss://host:port/` or `ws://host:port/`. */
  readonly url: string;
  /** `host:port`, the host in lower case, IPv6 in brackets. */
  readonly server: string;
  /** Whether TLS protects the connection. */
  readonly isSecure: boolean;
}

/**
 * Reads the URL of a server: `mosaicwss://host[:port]/` (443 without a port), `wss://…`, or `ws://…`
 * where no TLS is wanted.
 *
 * @throws MosaicError `invalid` with code `server-url` for another scheme, a user, path or query
 */
export function resolveServerUrl(text: string): ServerTarget {
  if (text.startsWith('mosaicwss:')) {
    const { host, port } = parseServerUrl(text.endsWith('/') ? text : `${text}/`);
    const name = `${host.includes(':') ? `[${host}]` : host}:${port}`.toLowerCase();
    return { url: `wss://${name}/`, server: name, isSecure: true };
  }
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isSecure = url?.protocol === 'wss:';
  if (url === undefined || (!isSecure && url.protocol !== 'ws:')) {
    throw fault(text, 'it starts with mosaicwss://, wss:// or ws://');
  }
  if (url.username !== '' || url.password !== '') throw fault(text, 'it names no user');
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw fault(text, 'it names a host and a port only, Mosaic is served at "/"');
  }
  const server = `${url.hostname}:${url.port === '' ? (isSecure ? 443 : 80) : url.port}`;
  return { url: `${url.protocol}//${server}/`, server, isSecure };
}

function fault(text: string, why: string): MosaicError {
  const shown = text.length > 100 ? `${text.slice(0, 100)}…` : text;
  return new MosaicError('invalid', 'server-url', `"${shown}" is no URL of a server: ${why}`);
}
