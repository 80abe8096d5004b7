/** How network addresses are written: one text for each, whichever library reported it. */

/** The URL of a listener; an IPv6 address gets its brackets. */
export function listenerUrl(secure: boolean, host: string, port: number): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `${secure ? 'wss' : 'ws'}://${name}:${port}/`;
}

/** An address as {@link ClientSocket.remoteAddress} has it. */
export function normalizeAddress(address: string): string {
  const withoutZone = address.split('%', 1)[0] ?? '';
  if (!withoutZone.includes(':')) return withoutZone;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(withoutZone);
  if (mapped?.[1] !== undefined) return mapped[1];
  // The URL parser writes every IPv6 address in its one canonical form, without its brackets here.
  const canonical = new URL(`http://[${withoutZone}]/`).hostname.slice(1, -1);
  const hex = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (hex?.[1] === undefined || hex[2] === undefined) return canonical;
  const high = Number.parseInt(hex[1], 16);
  const low = Number.parseInt(hex[2], 16);
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

/**
 * Whom an address stands for when clients are counted: an IPv4 address for itself, an IPv6 address
 * for its network of 64 bits, because whoever has one of those has all of them.
 *
 * @param address as {@link normalizeAddress} writes it
 */
export function addressGroup(address: string): string {
  if (!address.includes(':')) return address;
  const [left = '', right] = address.split('::', 2);
  const before = left === '' ? [] : left.split(':');
  const after = right === undefined || right === '' ? [] : right.split(':');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const groups = right === undefined ? before : [...before, ...zeros, ...after];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
