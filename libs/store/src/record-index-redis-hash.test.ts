/** The hash against vectors of its authors. */
import { hexEncode } from '@mosaic-cluster/protocol';
import { describe, expect, it } from 'vitest';
import { SIP_KEY_BYTES, sipHash } from './record-index-redis-hash.ts';

/** From `vectors.h` of the reference implementation, `vectors_sip64`: of 00 01 02 … by length. */
const VECTORS: ReadonlyMap<number, string> = new Map([
  [0, '310e0edd47db6f72'],
  [1, 'fd67dc93c539f874'],
  [2, '5a4fa9d909806c0d'],
  [3, '2d7efbd796666785'],
  [7, '37d1018bf50002ab'],
  [8, '6224939a79f5f593'],
  [15, 'e545be4961ca29a1'],
  [63, '724506eb4c328a95'],
]);

describe('SipHash', () => {
  it('gives what the reference implementation gives', () => {
    const key = Uint8Array.from({ length: SIP_KEY_BYTES }, (_, i) => i);
    const bytes = Uint8Array.from({ length: 64 }, (_, i) => i);
    for (const [length, expected] of VECTORS) {
      const hash = new Uint8Array(10);
      sipHash(key, bytes, length, hash, 1);
      expect(hexEncode(hash.subarray(1, 9)), `${length} bytes`).toBe(expected);
    }
  });
});
