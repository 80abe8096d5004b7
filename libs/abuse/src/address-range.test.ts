/** Address ranges: each has one text and one set of bytes, and what is none is refused with a reason. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assertAddressRange,
  formatAddressRange,
  maskAddress,
  parseAddress,
  parseAddressRange,
} from './address-range.ts';

const refused = (text: RegExp) =>
  expect.objectContaining({
    kind: 'invalid',
    code: 'address-range',
    message: expect.stringMatching(text),
  });

describe('an address', () => {
  it.each([
    ['203.0.113.7', [203, 0, 113, 7]],
    ['::ffff:203.0.113.7', [203, 0, 113, 7]],
    ['::FFFF:cb00:7107', [203, 0, 113, 7]],
    ['::1', [...Array.from({ length: 15 }, () => 0), 1]],
    ['2001:DB8::a:1', [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 0, 1]],
    ['::', Array.from({ length: 16 }, () => 0)],
  ])('%s is read', (text, bytes) => {
    expect([...parseAddress(text)!]).toEqual(bytes);
  });

  it.each([
    '',
    'localhost',
    '1.2.3',
    '1.2.3.04',
    '1.2.3.256',
    'fe80::1%eth0',
    '[::1]',
    '1:2',
    ' ::1',
  ])('%j is none', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

describe('an address range', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['203.0.113.7/32', '203.0.113.7'],
    ['203.0.113.0/24', '203.0.113.0/24'],
    ['203.0.113.64/26', '203.0.113.64/26'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['::ffff:203.0.113.0/120', '203.0.113.0/24'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:DB8:0::/48', '2001:db8::/48'],
    ['2001:db8::1', '2001:db8::1'],
    ['::/0', '::/0'],
  ])('%s is written %s', (text, canonical) => {
    expect(formatAddressRange(parseAddressRange(text))).toBe(canonical);
  });

  it.each([
    ['', /"" is no address range/],
    ['example.org/24', /"example\.org\/24" is no address range: write it as/],
    ['1.2.3.0/24/8', /is no address range/],
    ['fe80::%1/64', /is no address range/],
    ['1.2.3.0/33', /the prefix of "1\.2\.3\.0\/33" is 0 to 32 bits, not "33"/],
    ['1.2.3.0/', /0 to 32 bits, not ""/],
    ['1.2.3.0/024', /not "024"/],
    ['1.2.3.0/-1', /not "-1"/],
    ['::ffff:1.2.3.0/24', /96 to 128 bits, not "24"/],
    ['2001:db8::/129', /0 to 128 bits/],
    ['203.0.113.7/24', /bits set behind its prefix: the range is 203\.0\.113\.0\/24/],
    ['2001:db8::1/64', /the range is 2001:db8::\/64/],
  ])('%j is refused', (text, why) => {
    expect(() => parseAddressRange(text)).toThrow(refused(why));
  });

  it('reads what it wrote, whatever the bytes', () => {
    const address = fc
      .constantFrom(4, 16)
      .chain((length) =>
        fc.tuple(
          fc.uint8Array({ minLength: length, maxLength: length }),
          fc.nat({ max: 8 * length }),
        ),
      );
    fc.assert(
      fc.property(address, ([bytes, prefixBits]) => {
        const range = { bytes: maskAddress(bytes, prefixBits), prefixBits };
        // IPv6 ranges of mapped addresses are ranges of IPv4.
        fc.pre(bytes.length === 4 || bytes[0] !== 0);
        assertAddressRange(range);
        expect(parseAddressRange(formatAddressRange(range))).toEqual(range);
      }),
    );
  });

  it('keeps the bits of its prefix, and no others', () => {
    const bytes = Uint8Array.of(0xff, 0xff, 0xff, 0xff);
    for (let bits = 0; bits <= 32; bits++) {
      const value = Buffer.from(maskAddress(bytes, bits)).readUInt32BE();
      expect(value.toString(2).replaceAll('0', '').length, `${bits} bits`).toBe(value ? bits : 0);
    }
  });

  it('of other lengths, or with bits behind its prefix, is none', () => {
    const bad = [
      { bytes: new Uint8Array(5), prefixBits: 8 },
      { bytes: new Uint8Array(4), prefixBits: 33 },
      { bytes: new Uint8Array(4), prefixBits: 0.5 },
      { bytes: Uint8Array.of(10, 0, 0, 1), prefixBits: 8 },
    ];
    for (const range of bad)
      expect(() => assertAddressRange(range)).toThrow(refused(/has 4 or 16/));
  });
});
