/** One text per address, whoever reports it, and whom it stands for. */
import { expect, it } from 'vitest';
import { addressGroup, normalizeAddress } from './address.ts';
import { addressSubjects } from './subject.ts';

it.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['0000:0000:0000:0000:0000:ffff:c000:0207', '192.0.2.7'],
  ['::1', '::1'],
  ['0000:0000:0000:0000:0000:0000:0000:0001', '::1'],
  ['2001:0DB8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
  ['fe80::1%eth0', 'fe80::1'],
  ['', ''],
])('writes %j as %j', (reported, written) => {
  expect(normalizeAddress(reported)).toBe(written);
});

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8::1:0:0:1', '2001:db8:0:0::/64'],
  ['2001:db8:0:0:2::1', '2001:db8:0:0::/64'],
  ['2001:db8::', '2001:db8:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
  ['::1', '0:0:0:0::/64'],
  ['', ''],
])('counts %j for %j', (address, group) => {
  expect(addressGroup(address)).toBe(group);
});

it.each([
  ['192.0.2.7', ['a:192.0.2.7']],
  ['2001:db8:1:2:3::4', ['a:2001:db8:1:2::/64', 'n:2001:db8:1::/48']],
  ['::1', ['a:0:0:0:0::/64', 'n:0:0:0::/48']],
  ['', ['a:']],
])('charges for %j %j', (address, subjects) => {
  expect(addressSubjects(address)).toEqual(subjects);
});
