/**
 * What the 32 bytes of a compressed Edwards point show without arithmetic: whether they are the
 * canonical encoding, and whether the point has small order. libsodium's additions check neither.
 *
 *     [0:32)  y, little endian, 255 bits; the top bit is the sign of x
 *
 * Source: RFC 8032 §5.1.2 and §5.1.3; Mosaic specification 0.8.0, "Cryptography".
 */
import { hexDecode } from '@mosaic-cluster/protocol';

/** The y of the 8 points whose order divides 8, canonical. Two of them stand for two points. */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map((hex) => hexDecode(hex));

/**
 * Whether 32 bytes encode a point the one way they may: y below 2²⁵⁵−19, and no sign where x is 0,
 * that is where y is 1 or −1. Whether there is such a point is another question.
 */
export function isCanonicalPoint(bytes: Uint8Array): boolean {
  const last = bytes[31]!;
  if ((last & 0x7f) === 0x7f) {
    for (let i = 30; i > 0; i--) if (bytes[i] !== 0xff) return true;
    if (bytes[0]! >= 0xed) return false;
    return last === 0x7f || bytes[0] !== 0xec;
  }
  if (last !== 0x80 || bytes[0] !== 1) return true;
  for (let i = 30; i > 0; i--) if (bytes[i] !== 0) return true;
  return false;
}

/** Whether a canonically encoded point is one of the 8 that the cofactor annihilates. */
export function isSmallOrderPoint(bytes: Uint8Array): boolean {
  return SMALL_ORDER_Y.some((y) => {
    if (y[31] !== (bytes[31]! & 0x7f)) return false;
    for (let i = 30; i >= 0; i--) if (y[i] !== bytes[i]) return false;
    return true;
  });
}
