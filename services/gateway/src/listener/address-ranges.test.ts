/** Whom an operator's ranges hold, and that what is none is named. */
import { expect, it } from 'vitest';
import { AddressRanges } from './address-ranges.ts';

const ranges = new AddressRanges([
  '10.0.0.0/8',
  '192.0.2.7',
  '2001:db8::/32',
  '::1',
  '198.51.100.0/31',
]);

it.each([
  ['10.255.0.1', true],
  ['11.0.0.0', false],
  ['192.0.2.7', true],
  ['192.0.2.8', false],
  ['198.51.100.1', true],
  ['198.51.100.2', false],
  ['2001:db8:ffff::1', true],
  ['2001:db9::1', false],
  ['::1', true],
  ['::2', false],
  ['', false],
])('holds %s: %s', (address, held) => {
  expect(ranges.contains(address)).toBe(held);
});

it('holds nobody where it is empty, and everybody in /0 of the family', () => {
  expect(new AddressRanges([]).contains('10.0.0.1')).toBe(false);
  const all = new AddressRanges(['0.0.0.0/0']);
  expect(all.contains('203.0.113.9')).toBe(true);
  expect(all.contains('2001:db8::1')).toBe(false);
});

it('knows an IPv4 address however it is written', () => {
  expect(new AddressRanges(['::ffff:10.0.0.0/104']).contains('10.1.2.3')).toBe(true);
});

it.each([
  '10.0.0.0/33',
  '10.0.0.1/8',
  'fe80::1%eth0',
  'balancer.example',
  '',
])('refuses %j and names it', (text) => {
  expect(() => new AddressRanges(['10.0.0.0/8', text])).toThrow(
    expect.objectContaining({
      kind: 'invalid',
      code: 'address-range',
      message: expect.stringContaining(`"${text}"`),
    }),
  );
});
