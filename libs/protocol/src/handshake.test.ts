/** Handshake headers and server URLs: what is understood, what is refused. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isMosaicError, MosaicError } from './error.ts';
import {
  answerExtensions,
  checkServerProof,
  chooseSubprotocol,
  formatAnswer2025,
  formatHello2025,
  HEADER,
  parseAnswer2025,
  parseExtensions,
  parseHello2025,
  proveServerKey,
} from './handshake.ts';
import { formatServerUrl, parseServerUrl } from './server-url.ts';
import { PUBLIC_KEYS, SECRET_KEYS } from '../testing/arbitraries.ts';

describe('mosaic2024', () => {
  test.each([
    [undefined, undefined],
    ['', undefined],
    ['mosaic2024', 'mosaic2024'],
    ['chat, mosaic2024 ,other', 'mosaic2024'],
    ['mosaic2025', undefined],
    ['Mosaic2024', undefined],
    ['mosaic2024x', undefined],
  ])('offered %o, answered %o', (offered, answer) => {
    expect(chooseSubprotocol(offered)).toBe(answer);
  });

  test('the server prefers in its own order', () => {
    const supported = ['mosaic2025', 'mosaic2024'];
    expect(chooseSubprotocol('mosaic2024,mosaic2025', supported)).toBe('mosaic2025');
  });

  test.each([
    [undefined, undefined],
    ['', '-'],
    ['-', '-'],
    ['x;y', '-'],
    ['b;a', 'b;a'],
    [' a ; x;b;a', 'a;b'],
  ])('extensions %o are answered with %o', (requested, answer) => {
    expect(answerExtensions(requested, ['a', 'b'])).toBe(answer);
  });

  test('a list of a million names is read up to its limit', () => {
    expect(
      parseExtensions(Array.from({ length: 1_000_000 }, (_, i) => `e${i}`).join(';')),
    ).toHaveLength(64);
  });
});

describe('mosaic2025', () => {
  const hello = {
    versions: [1, 2],
    features: ['zstd'],
    authenticateAs: PUBLIC_KEYS[0],
    serverNonce: 'abc123',
  };
  const reader = (headers: Record<string, string>) => (name: string) => headers[name];

  test('request and answer come back', () => {
    expect(parseHello2025(reader(formatHello2025(hello)))).toEqual(hello);
    const answer = {
      version: 1,
      features: [],
      serverAuthentication: 'AAAA',
      clientNonce: 'n',
      serviceUrl: 'mosaicwss://example.com/',
    };
    expect(parseAnswer2025(reader(formatAnswer2025(answer)))).toEqual(answer);
    const bare = {
      ...answer,
      serverAuthentication: undefined,
      clientNonce: undefined,
      serviceUrl: undefined,
    };
    expect(parseAnswer2025(reader(formatAnswer2025(bare)))).toEqual(bare);
    expect(parseHello2025(() => undefined)).toEqual({
      versions: [],
      features: [],
      authenticateAs: undefined,
      serverNonce: undefined,
    });
  });

  test.each([
    { [HEADER.versions]: '1,two' },
    { [HEADER.versions]: '123456' },
    { [HEADER.serverAuthenticateNonce]: '' },
    { [HEADER.serverAuthenticateNonce]: 'a b' },
    { [HEADER.serverAuthenticateNonce]: 'x'.repeat(257) },
    { [HEADER.authenticateAs]: 'mopub0y' },
  ])('%o is refused', (headers) => {
    expect(() => parseHello2025(reader(headers))).toThrow(MosaicError);
  });

  test('an answer without a version is refused', () => {
    expect(() => parseAnswer2025(() => undefined)).toThrow(
      expect.objectContaining({ code: 'handshake' }),
    );
  });

  test('the proof is of this nonce by this key', () => {
    const [secret = new Uint8Array(32)] = SECRET_KEYS;
    const [key = secret, other = secret] = PUBLIC_KEYS;
    const proof = proveServerKey('nonce', secret);
    expect(checkServerProof('nonce', proof, key)).toBe(true);
    expect(checkServerProof('other', proof, key)).toBe(false);
    expect(checkServerProof('nonce', proof, other)).toBe(false);
    for (const bad of ['', 'AAAA', '?', proof.slice(4)]) {
      expect(checkServerProof('nonce', bad, key)).toBe(false);
    }
  });
});

describe('server URLs', () => {
  test.each([
    ['mosaicwss://example.com/', { host: 'example.com', port: 443 }],
    ['mosaicwss://127.0.0.1:1/', { host: '127.0.0.1', port: 1 }],
    ['mosaicwss://[2001:db8::1]:65535/', { host: '2001:db8::1', port: 65_535 }],
  ])('%s', (url, address) => {
    expect(parseServerUrl(url)).toEqual(address);
    expect(formatServerUrl(address)).toBe(url);
  });

  test.each([
    '',
    'mosaicwss://example.com',
    'wss://example.com/',
    'mosaicwss://example.com:0/',
    'mosaicwss://example.com:65536/',
    'mosaicwss://example.com:/',
    'mosaicwss://user@example.com/',
    'mosaicwss://example.com/path',
    'mosaicwss://example.com/?q',
    'mosaicwss://example.com/#f',
    'mosaicwss:///',
    'mosaicwss://exa mple.com/',
    'mosaicwss://example.com/\n',
  ])('refuses %o', (url) => {
    expect(() => parseServerUrl(url)).toThrow(expect.objectContaining({ code: 'server-url' }));
  });

  test('arbitrary text is refused or comes back', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('[', ']', ':', '.', 'a', '1', '/', '@', '?') }),
        (rest) => {
          try {
            const address = parseServerUrl(`mosaicwss://${rest}/`);
            expect(parseServerUrl(formatServerUrl(address))).toEqual(address);
          } catch (error) {
            expect(isMosaicError(error)).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
