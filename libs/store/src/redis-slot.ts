/**
 * Which slot of a Redis Cluster a key is in, so that what goes to one node travels in one message.
 * Source: Redis Cluster specification, "Key distribution model" and "Hash tags".
 */

const SLOTS = 16_384;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** CRC-16/XMODEM: of the nine bytes `123456789` it is 31c3. */
const TABLE: Uint16Array = Uint16Array.from({ length: 256 }, (_, n) => {
  let crc = n << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0);
  return crc;
});

/** The slot of a key: of what stands between its first braces, where something does. */
export function slotOf(key: Uint8Array): number {
  let start = 0;
  let end = key.length;
  const open = key.indexOf(OPEN);
  const close = open < 0 ? -1 : key.indexOf(CLOSE, open + 1);
  if (close > open + 1) {
    start = open + 1;
    end = close;
  }
  let crc = 0;
  for (let i = start; i < end; i++) crc = ((crc << 8) & 0xffff) ^ TABLE[(crc >> 8) ^ key[i]!]!;
  return crc % SLOTS;
}
