/** Small changes to bytes, for tests of what must not survive them. */

/** Turns over the bits of `mask` in one byte. */
export function flip(bytes: Uint8Array, at: number, mask = 1): void {
  bytes[at] = (bytes[at] ?? 0) ^ mask;
}

/** Sets the bits of `mask` in one byte. */
export function setBits(bytes: Uint8Array, at: number, mask: number): void {
  bytes[at] = (bytes[at] ?? 0) | mask;
}

/** Clears the bits of `mask` in one byte. */
export function clearBits(bytes: Uint8Array, at: number, mask: number): void {
  bytes[at] = (bytes[at] ?? 0) & ~mask;
}
