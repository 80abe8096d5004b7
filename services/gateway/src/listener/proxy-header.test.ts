/** Headers of balancers, honest ones and others: nothing but a header is taken for one. */
import { isIP } from 'node:net';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normalizeAddress } from '@mosaic-cluster/abuse';
import { PROXY_HEADER_BYTES_MAX, readProxyHeader } from './proxy-header.ts';

const BEGIN = '0d0a0d0a000d0a515549540a';
const hex = (...parts: string[]): Buffer => Buffer.from(BEGIN + parts.join(''), 'hex');
const TCP4 = ['cb007109', '0a000001', '3039', '01bb'];
const TCP6 = [
  '20010db8000000000000000000000007',
  '20010db8000000000000000000000001',
  '3039',
  '01bb',
];

describe('headers of honest balancers', () => {
  it.each([
    ['PROXY TCP4 203.0.113.9 10.0.0.1 12345 443\r\n', '203.0.113.9'],
    ['PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n', '255.255.255.255'],
    ['PROXY TCP6 2001:DB8::7 2001:db8::1 12345 443\r\n', '2001:db8::7'],
    ['PROXY TCP6 ::ffff:203.0.113.9 ::1 1 1\r\n', '203.0.113.9'],
    ['PROXY UNKNOWN\r\n', undefined],
    ['PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n', undefined],
  ])('version 1: %j', (line, source) => {
    const bytes = Buffer.from(line);
    expect(readProxyHeader(bytes)).toEqual({ what: 'header', length: bytes.length, source });
  });

  it.each([
    ['IPv4', hex('21', '11', '000c', ...TCP4), '203.0.113.9'],
    ['IPv6', hex('21', '21', '0024', ...TCP6), '2001:db8::7'],
    ['IPv4 with more behind', hex('21', '11', '0011', ...TCP4, '0400026869'), '203.0.113.9'],
    ['no family', hex('21', '00', '0000'), undefined],
    ['no family, with bytes', hex('21', '00', '000c', ...TCP4), undefined],
    ['LOCAL', hex('20', '00', '0000'), undefined],
    ['LOCAL with addresses, which say nothing', hex('20', '11', '000c', ...TCP4), undefined],
  ])('version 2: %s', (_what, bytes, source) => {
    expect(readProxyHeader(bytes)).toEqual({ what: 'header', length: bytes.length, source });
  });
});

it.each([
  'GET / HTTP/1.1\r\n',
  'PROXY TCP4 203.0.113.9 10.0.0.1 12345\r\n',
  'PROXY TCP4 203.0.113.9 10.0.0.1 12345 443 1\r\n',
  'PROXY  TCP4 203.0.113.9 10.0.0.1 12345 443\r\n',
  'PROXY TCP4 203.0.113.9 10.0.0.1 12345 443 \r\n',
  'PROXY TCP4 203.0.113.09 10.0.0.1 12345 443\r\n',
  'PROXY TCP4 203.0.113 10.0.0.1 12345 443\r\n',
  'PROXY TCP4 2001:db8::7 2001:db8::1 12345 443\r\n',
  'PROXY TCP6 203.0.113.9 10.0.0.1 12345 443\r\n',
  'PROXY TCP6 fe80::1%eth0 fe80::2 12345 443\r\n',
  'PROXY TCP4 203.0.113.9 10.0.0.1 65536 443\r\n',
  'PROXY TCP4 203.0.113.9 10.0.0.1 0012 443\r\n',
  'PROXY TCP4 203.0.113.9 10.0.0.1 -1 443\r\n',
  'PROXY UDP4 203.0.113.9 10.0.0.1 12345 443\r\n',
  'proxy TCP4 203.0.113.9 10.0.0.1 12345 443\r\n',
  `PROXY UNKNOWN ${'x'.repeat(100)}\r\n`,
])('refuses version 1: %j', (line) => {
  expect(readProxyHeader(Buffer.from(line))).toEqual({ what: 'broken' });
});

it.each([
  ['another version', hex('11', '11', '000c', ...TCP4)],
  ['another command', hex('22', '11', '000c', ...TCP4)],
  ['datagrams', hex('21', '12', '000c', ...TCP4)],
  ['local sockets', hex('21', '31', '00d8', '00'.repeat(216))],
  ['an unknown family', hex('21', '41', '000c', ...TCP4)],
  ['too few bytes for IPv4', hex('21', '11', '000b', ...TCP4)],
  ['too few bytes for IPv6', hex('21', '21', '000c', ...TCP4)],
  ['too many bytes', hex('21', '11', '0401', ...TCP4)],
])('refuses version 2: %s', (_what, bytes) => {
  expect(readProxyHeader(bytes)).toEqual({ what: 'broken' });
});

const port = fc.nat({ max: 65_535 });
const v4 = fc.ipV4();
const v6 = fc.ipV6();
const text = fc.oneof(
  fc.tuple(v4, v4, port, port).map(([s, t, p, q]) => ({ s, line: `TCP4 ${s} ${t} ${p} ${q}` })),
  fc.tuple(v6, v6, port, port).map(([s, t, p, q]) => ({ s, line: `TCP6 ${s} ${t} ${p} ${q}` })),
);

function version2(source: Uint8Array, target: Uint8Array, more: Uint8Array): Buffer {
  const head = Buffer.from(`${BEGIN}21${source.length === 4 ? '11' : '21'}0000`, 'hex');
  head.writeUInt16BE(source.length * 2 + 4 + more.length, 14);
  return Buffer.concat([head, source, target, Buffer.of(1, 2, 3, 4), more]);
}

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

const header = fc.oneof(
  text.map(({ s, line }) => ({ bytes: Buffer.from(`PROXY ${line}\r\n`), source: s })),
  fc.tuple(fc.constantFrom(4, 16), fc.uint8Array({ maxLength: 200 })).chain(([size, more]) =>
    fc.tuple(bytesOf(size), bytesOf(size)).map(([source, target]) => ({
      bytes: version2(source, target, more),
      source:
        size === 4
          ? source.join('.')
          : (Buffer.from(source).toString('hex').match(/.{4}/g)?.join(':') ?? ''),
    })),
  ),
);

it('reads every header, however it is cut, and nothing behind it', () => {
  fc.assert(
    fc.property(header, fc.uint8Array({ maxLength: 40 }), ({ bytes, source }, rest) => {
      const expected = { what: 'header', length: bytes.length, source: normalizeAddress(source) };
      expect(readProxyHeader(Buffer.concat([bytes, rest]))).toEqual(expected);
      for (let end = 0; end < bytes.length; end++) {
        expect(readProxyHeader(bytes.subarray(0, end))).toEqual({ what: 'part' });
      }
    }),
  );
});

it('decides on anything within its bound, once and for all', () => {
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 1500 }),
    fc.uint8Array({ maxLength: 1500 }).map((tail) => Buffer.concat([hex('21', '11'), tail])),
    fc.uint8Array({ maxLength: 1500 }).map((tail) => Buffer.concat([Buffer.from('PROXY '), tail])),
    fc.tuple(header, fc.nat(), fc.nat({ max: 255 })).map(([{ bytes }, at, value]) => {
      const changed = Buffer.from(bytes);
      changed[at % changed.length] = value;
      return changed;
    }),
  );
  fc.assert(
    fc.property(hostile, (input) => {
      const bytes = Buffer.from(input);
      const decided = readProxyHeader(bytes);
      const longer = readProxyHeader(Buffer.concat([bytes, Buffer.alloc(2000)]));
      expect(longer.what).not.toBe('part');
      if (decided.what !== 'part') expect(longer).toEqual(decided);
      if (decided.what !== 'header') return;
      expect(decided.length).toBeLessThanOrEqual(Math.min(bytes.length, PROXY_HEADER_BYTES_MAX));
      if (decided.source !== undefined) {
        expect(isIP(decided.source)).not.toBe(0);
        expect(normalizeAddress(decided.source)).toBe(decided.source);
      }
    }),
    { numRuns: 3000 },
  );
});
