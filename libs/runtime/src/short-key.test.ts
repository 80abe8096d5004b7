/** Shortened keys must agree whichever form a key comes in, or logs can't be searched. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { shortKey } from './short-key.ts';

describe('shortKey', () => {
  it('gives bytes and hex of either case the same short form', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const hex = Buffer.from(bytes).toString('hex');
        expect(shortKey(bytes)).toBe(`${hex.slice(0, 8)}…`);
        expect(shortKey(hex)).toBe(shortKey(bytes));
        expect(shortKey(hex.toUpperCase())).toBe(shortKey(bytes));
      }),
    );
  });

  it('keeps the start of human encodings, and short things whole', () => {
    expect(shortKey('mopub0qerytuiopasdfghjkl')).toBe('mopub0qerytuio…');
    expect(shortKey('abcd')).toBe('abcd');
    expect(shortKey(new Uint8Array([1, 2]))).toBe('0102');
    expect(shortKey('')).toBe('');
  });
});
