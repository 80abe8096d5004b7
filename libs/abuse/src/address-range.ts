/** Ranges of network addresses, as bans and allow lists name them: parsed strictly, written one way. */
import { isIPv4, isIPv6 } from 'node:net';
import { MosaicError } from '@mosaic-cluster/protocol';

/** Addresses with the same first bits. */
export interface AddressRange {
  /** The first address: 4 bytes of IPv4 or 16 of IPv6, zero behind the prefix. */
  readonly bytes: Uint8Array;
  /** How many bits of it count: up to 32 or 128; 0 is every address of that family. */
  readonly prefixBits: number;
}

const IPV4_BYTES = 4;
const IPV6_BYTES = 16;
/** An IPv4 address in an IPv6 one begins with these bits. */
const MAPPED_BITS = 96;

/**
 * The bytes of an address: 4 of IPv4, also of one that is written as IPv6, else 16.
 *
 * @returns undefined for what is no address; zones (`%eth0`) are none
 */
export function parseAddress(text: string): Uint8Array | undefined {
  if (isIPv4(text)) return Uint8Array.from(text.split('.'), Number);
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const bytes = parseIPv6(text);
  return isMapped(bytes) ? bytes.subarray(MAPPED_BITS / 8) : bytes;
}

/**
 * Reads `203.0.113.7`, `203.0.113.0/24`, `2001:db8::1` or `2001:db8::/32`.
 *
 * @throws MosaicError `invalid` (`address-range`)
 */
export function parseAddressRange(text: string): AddressRange {
  const [address = '', prefix, ...more] = text.split('/');
  const shown = JSON.stringify(text.slice(0, 64));
  const written = parseAddress(address);
  if (written === undefined || more.length > 0) {
    throw rangeFault(`${shown} is no address range: write it as 203.0.113.0/24 or 2001:db8::/32`);
  }
  // A prefix behind an IPv4 address in an IPv6 one counts from where the IPv6 address begins.
  const isMappedText = written.length === IPV4_BYTES && address.includes(':');
  const offset = isMappedText ? MAPPED_BITS : 0;
  const bitsMax = written.length * 8;
  if (prefix === undefined) return { bytes: written, prefixBits: bitsMax };
  const prefixBits = /^(0|[1-9]\d{0,2})$/.test(prefix) ? Number(prefix) - offset : -1;
  if (prefixBits < 0 || prefixBits > bitsMax) {
    const allowed = `${offset} to ${offset + bitsMax}`;
    throw rangeFault(`the prefix of ${shown} is ${allowed} bits, not ${JSON.stringify(prefix)}`);
  }
  const bytes = maskAddress(written, prefixBits);
  if (Buffer.compare(bytes, written) === 0) return { bytes, prefixBits };
  const remedy = formatAddressRange({ bytes, prefixBits });
  throw rangeFault(`${shown} has bits set behind its prefix: the range is ${remedy}`);
}

/** An address range as text that {@link parseAddressRange} reads: the one way in which it is written. */
export function formatAddressRange({ bytes, prefixBits }: AddressRange): string {
  const address = formatAddress(bytes);
  return prefixBits === bytes.length * 8 ? address : `${address}/${prefixBits}`;
}

/** The first bits of an address, the others zero: a copy. */
export function maskAddress(bytes: Uint8Array, prefixBits: number): Uint8Array {
  const masked = Uint8Array.from(bytes);
  const whole = prefixBits >>> 3;
  if (whole < masked.length) {
    masked[whole]! &= 0xff00 >> (prefixBits & 7);
    masked.fill(0, whole + 1);
  }
  return masked;
}

/**
 * Checks an address range that did not come from {@link parseAddressRange}.
 *
 * @throws MosaicError `invalid` (`address-range`)
 */
export function assertAddressRange({ bytes, prefixBits }: AddressRange): void {
  const isAddress = bytes.length === IPV4_BYTES || bytes.length === IPV6_BYTES;
  const isPrefix = Number.isInteger(prefixBits) && prefixBits >= 0;
  if (isAddress && isPrefix && prefixBits <= bytes.length * 8) {
    if (Buffer.compare(bytes, maskAddress(bytes, prefixBits)) === 0) return;
  }
  const message = `an address range has 4 or 16 bytes and no bits behind its prefix, not ${bytes.length} bytes and a prefix of ${prefixBits}`;
  throw rangeFault(message);
}

function formatAddress(bytes: Uint8Array): string {
  if (bytes.length === IPV4_BYTES) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((bytes[2 * i]! << 8) | bytes[2 * i + 1]!).toString(16),
  );
  // The URL parser writes every IPv6 address in its one canonical form.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/** @param text an IPv6 address without a zone */
function parseIPv6(text: string): Uint8Array {
  // In its canonical form no part of it is written as IPv4.
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [left = '', right] = canonical.split('::', 2);
  const groupsOf = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const before = groupsOf(left);
  const after = groupsOf(right ?? '');
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  const bytes = new Uint8Array(IPV6_BYTES);
  [...before, ...zeros, ...after].forEach((group, i) => {
    const value = Number.parseInt(group, 16);
    bytes[2 * i] = value >> 8;
    bytes[2 * i + 1] = value & 0xff;
  });
  return bytes;
}

function isMapped(bytes: Uint8Array): boolean {
  return (
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff
  );
}

function rangeFault(message: string): MosaicError {
  return new MosaicError('invalid', 'address-range', message);
}
