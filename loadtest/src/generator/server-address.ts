/** Where a server is, read from the URLs that servers print. */
import type { TlsIdentity } from '@mosaic-cluster/certificate';
import { UsageError } from '../load-error.ts';

/** A server's address. */
export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** The address to come from; by default whatever the kernel takes. */
  readonly localAddress?: string;
  /** The client certificate to show; by default none. */
  readonly identity?: TlsIdentity;
}

const SCHEMES: Readonly<Record<string, boolean>> = {
  'ws:': false,
  'wss:': true,
  'mosaicwss:': true,
};

/** @throws UsageError where `url` is not ws://, wss:// or mosaicwss:// with a host */
export function parseServerAddress(url: string): ServerAddress {
  const scheme = /^[a-z]+:/.exec(url)?.[0] ?? '';
  const tls = SCHEMES[scheme];
  // The URL parser knows hosts and ports of ws, not those of a scheme it has never heard of.
  const parsed = parse(`ws:${url.slice(scheme.length)}`);
  if (tls === undefined || parsed === undefined) {
    const message = `"${url}" is no URL of a server: write ws://HOST:PORT, wss:// or mosaicwss://`;
    throw new UsageError(message);
  }
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  // The parser drops the default port of ws, 80.
  const port = parsed.port === '' ? (tls ? tlsPortOf(url) : 80) : Number(parsed.port);
  return { host, port, tls };
}

function parse(url: string): URL | undefined {
  return URL.canParse(url) ? new URL(url) : undefined;
}

function tlsPortOf(url: string): number {
  return /:80(\/|$)/.test(url) ? 80 : 443;
}
