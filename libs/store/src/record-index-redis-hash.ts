/**
 * A keyed hash for short bytes: paths of the index on Redis are named by it. Whoever does not know
 * the key cannot make two paths collide. Source: SipHash-2-4, Aumasson and Bernstein, 2012.
 */

/** Bytes of a key. */
export const SIP_KEY_BYTES = 16;

/** The state: v0 to v3, each low half first. Never in use outside one call. */
const v: Int32Array = new Int32Array(8);

/**
 * Writes SipHash-2-4 of the first `length` bytes of `bytes` to `target`, 8 bytes.
 *
 * @param key 16 bytes
 */
export function sipHash(
  key: Uint8Array,
  bytes: Uint8Array,
  length: number,
  target: Uint8Array,
  at: number,
): void {
  const k0 = read32(key, 0);
  const k1 = read32(key, 4);
  const k2 = read32(key, 8);
  const k3 = read32(key, 12);
  v[0] = k0 ^ 0x70736575;
  v[1] = k1 ^ 0x736f6d65;
  v[2] = k2 ^ 0x6e646f6d;
  v[3] = k3 ^ 0x646f7261;
  v[4] = k0 ^ 0x6e657261;
  v[5] = k1 ^ 0x6c796765;
  v[6] = k2 ^ 0x79746573;
  v[7] = k3 ^ 0x74656462;
  const whole = length & ~7;
  for (let i = 0; i < whole; i += 8) mix(read32(bytes, i), read32(bytes, i + 4));
  let low = 0;
  let high = length << 24;
  for (let i = whole; i < length; i++) {
    const shift = (i - whole) * 8;
    if (shift < 32) low |= bytes[i]! << shift;
    else high |= bytes[i]! << (shift - 32);
  }
  mix(low, high);
  v[4] ^= 0xff;
  round();
  round();
  round();
  round();
  write32(target, at, half(0));
  write32(target, at + 4, half(1));
}

function mix(low: number, high: number): void {
  v[6]! ^= low;
  v[7]! ^= high;
  round();
  round();
  v[0]! ^= low;
  v[1]! ^= high;
}

/** One SipRound; a sum carries where it is less than a summand. */
function round(): void {
  let v0l = v[0]!;
  let v0h = v[1]!;
  let v1l = v[2]!;
  let v1h = v[3]!;
  let v2l = v[4]!;
  let v2h = v[5]!;
  let v3l = v[6]!;
  let v3h = v[7]!;
  let low: number;

  v0l = (v0l + v1l) | 0;
  v0h = (v0h + v1h + (v0l >>> 0 < v1l >>> 0 ? 1 : 0)) | 0;
  low = v1l;
  v1l = ((v1l << 13) | (v1h >>> 19)) ^ v0l;
  v1h = ((v1h << 13) | (low >>> 19)) ^ v0h;
  low = v0l;
  v0l = v0h;
  v0h = low;

  v2l = (v2l + v3l) | 0;
  v2h = (v2h + v3h + (v2l >>> 0 < v3l >>> 0 ? 1 : 0)) | 0;
  low = v3l;
  v3l = ((v3l << 16) | (v3h >>> 16)) ^ v2l;
  v3h = ((v3h << 16) | (low >>> 16)) ^ v2h;

  v0l = (v0l + v3l) | 0;
  v0h = (v0h + v3h + (v0l >>> 0 < v3l >>> 0 ? 1 : 0)) | 0;
  low = v3l;
  v3l = ((v3l << 21) | (v3h >>> 11)) ^ v0l;
  v3h = ((v3h << 21) | (low >>> 11)) ^ v0h;

  v2l = (v2l + v1l) | 0;
  v2h = (v2h + v1h + (v2l >>> 0 < v1l >>> 0 ? 1 : 0)) | 0;
  low = v1l;
  v1l = ((v1l << 17) | (v1h >>> 15)) ^ v2l;
  v1h = ((v1h << 17) | (low >>> 15)) ^ v2h;

  v[0] = v0l;
  v[1] = v0h;
  v[2] = v1l;
  v[3] = v1h;
  v[4] = v2h;
  v[5] = v2l;
  v[6] = v3l;
  v[7] = v3h;
}

function half(at: 0 | 1): number {
  let sum = 0;
  for (let i = at; i < 8; i += 2) sum ^= v[i]!;
  return sum;
}

function read32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function write32(target: Uint8Array, at: number, value: number): void {
  target[at] = value;
  target[at + 1] = value >>> 8;
  target[at + 2] = value >>> 16;
  target[at + 3] = value >>> 24;
}
