/**
 * How network addresses are written, one text for each whichever library reported it, and for whom
 * they stand when people are counted.
 */

/**
 * The one text of an address.
 *
 * @param address an IPv4 or IPv6 address as any library reports it; empty where it is not known
 */
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
  return address.includes(':') ? networkOf(ipv6Groups(address), 64) : address;
}

/**
 * The IPv6 network of 48 bits that an address is in: what one customer of a provider may have.
 *
 * @param address as {@link normalizeAddress} writes it
 * @returns undefined: it is an IPv4 address
 */
export function addressNetwork(address: string): string | undefined {
  return address.includes(':') ? networkOf(ipv6Groups(address), 48) : undefined;
}

function ipv6Groups(address: string): string[] {
  const [left = '', right] = address.split('::', 2);
  const before = left === '' ? [] : left.split(':');
  const after = right === undefined || right === '' ? [] : right.split(':');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return right === undefined ? before : [...before, ...zeros, ...after];
}

function networkOf(groups: readonly string[], bits: 48 | 64): string {
  return `${groups.slice(0, bits / 16).join(':')}::/${bits}`;
}
