/** Which server is checked, and by which key it must show itself. */
import {
  decodeServerKey,
  equalBytes,
  hexDecode,
  isMosaicError,
  type PublicKey,
} from '@mosaic-cluster/protocol';

/** A server's address. */
export interface Target {
  /** As the user wrote it. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  /** The key that the server must show; undefined: certificate authorities vouch for it. */
  readonly serverKey: PublicKey | undefined;
}

/** The command line is wrong; the message says what and what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Reads a URL and a key.
 *
 * @param serverKey 64 hex digits or `mosrv0…`
 * @throws UsageError
 */
export function parseTarget(
  text: string,
  serverKey: string | undefined,
  isPlainAllowed: boolean,
): Target {
  const url = URL.canParse(text) ? new URL(text.replace(/^mosaicwss:/, 'wss:')) : undefined;
  if (url === undefined || !['wss:', 'ws:'].includes(url.protocol)) {
    throw new UsageError(`"${text}" is no URL of a server: write wss://host:port/`);
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '' || url.username !== '') {
    throw new UsageError(`"${text}": Mosaic is served at "/", write a host and a port only`);
  }
  const isTls = url.protocol === 'wss:';
  if (!isTls && !isPlainAllowed) {
    throw new UsageError(`"${text}" has no TLS; add --insecure-plain if that is meant`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  return { url: text, host, port, isTls, serverKey: parseServerKey(serverKey) };
}

function parseServerKey(text: string | undefined): PublicKey | undefined {
  if (text === undefined) return undefined;
  try {
    const key = text.startsWith('mosrv0') ? decodeServerKey(text) : hexDecode(text);
    if (key.length === 32) return key;
  } catch (error) {
    if (!isMosaicError(error)) throw error;
  }
  throw new UsageError(`--server-key: write 64 hex digits or mosrv0…, not "${text}"`);
}

/** Whether a key is the one that the target must show. */
export function isExpectedKey(target: Target, key: PublicKey): boolean {
  return target.serverKey === undefined || equalBytes(target.serverKey, key);
}
