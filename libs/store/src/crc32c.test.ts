/** The checksum against published values and against its definition. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.ts';

function byDefinition(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f6_3b78 : crc >>> 1;
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}

describe('crc32c', () => {
  // RFC 3720, appendix B.4, and the check value of the CRC catalogues.
  it.each([
    ['123456789', new TextEncoder().encode('123456789'), 0xe306_9283],
    ['32 zeros', new Uint8Array(32), 0x8a91_36aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8_ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd_794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113f_db5c],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s', (_, bytes, expected) => {
    expect(crc32c(bytes, 0, bytes.length)).toBe(expected);
  });

  it('is the same at every alignment, in one piece and in two', () => {
    const input = fc.record({
      bytes: fc.uint8Array({ maxLength: 200 }),
      shift: fc.nat(15),
      cut: fc.nat(200),
    });
    fc.assert(
      fc.property(input, ({ bytes, shift, cut }) => {
        const shifted = new Uint8Array(bytes.length + shift);
        shifted.set(bytes, shift);
        const end = shifted.length;
        const middle = Math.min(shift + cut, end);
        const expected = byDefinition(bytes);
        expect(crc32c(shifted, shift, end)).toBe(expected);
        expect(crc32c(shifted, middle, end, crc32c(shifted, shift, middle))).toBe(expected);
      }),
    );
  });
});
