/**
 * Network addresses as operators write them: `127.0.0.1:443`, `[::1]:443`, `nats.example:4222`.
 */
import { isIPv6 } from 'node:net';

/** Where to listen or connect. IPv6 hosts are without brackets; port 0 means "any free one". */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?$/i;
const LAST_LABEL_NUMERIC = /(^|\.)\d+\.?$/;
const IPV4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;

/**
 * Reads `host:port`, an IPv6 host in brackets. Returns undefined for anything else: a missing
 * port, a bare IPv6 address, a port above 65535, a host that is no name and no address.
 */
export function parseHostPort(text: string): HostPort | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const [, bracketed, plain, digits] = match;
  const port = Number(digits);
  if (port > 65_535) return undefined;
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed, port } : undefined;
  if (plain === undefined || !isHost(plain)) return undefined;
  return { host: plain, port };
}

/** Writes an address so that {@link parseHostPort} reads it back: IPv6 hosts get brackets. */
export function formatHostPort(address: HostPort): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

function isHost(text: string): boolean {
  // A name whose last label is a number can only be a mistyped IPv4 address (RFC 1123 §2.1).
  return LAST_LABEL_NUMERIC.test(text) ? IPV4.test(text) : HOST_NAME.test(text);
}
