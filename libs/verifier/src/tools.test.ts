/** The parts together: verdicts on whole records, hash, signing, and what happens without them. */
import {
  buildRecord,
  h64,
  hexDecode,
  isMosaicError,
  KNOWN_KINDS,
  MosaicError,
  publicKeyOf,
  recordFaultOf,
  signPrehash,
  validateRecord,
  type ValidationTools,
} from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flipBit, forged, recordBytesOf, validRecord, vectors } from '../test/support.ts';
import { createFastHash } from './fast-hash.ts';
import { loadSodium, type Sodium } from './sodium.ts';
import { exactTools, fastTools, nativeSigningTools } from './tools.ts';

const fast = await fastTools();

/** The error of validating `bytes`, as comparable data; undefined where they are valid. */
function faultOf(bytes: Uint8Array, tools: ValidationTools): unknown {
  try {
    validateRecord(bytes, tools);
    return undefined;
  } catch (error) {
    if (!isMosaicError(error)) throw error;
    const { kind, code, step, message, range } = error;
    return { kind, code, step, message, range };
  }
}

it('everything loads here', () => {
  expect(fast.kind).toBe('native');
  expect(fast.fallbacks).toEqual([]);
});

describe('the same verdict as the exact tools, to the byte range', () => {
  it.each(['records-valid', 'records-invalid', 'records-large'])('%s', (file) => {
    for (const each of vectors(file)) {
      const bytes = recordBytesOf(each);
      const fault = faultOf(bytes, fast.tools);
      expect(fault, each.name).toEqual(faultOf(bytes, {}));
      expect(fault === undefined, each.name).toBe(each.spec === 'accept');
    }
  });

  it('on records with bits flipped', () => {
    const base = validRecord(1, 'a text of a few words').bytes;
    const property = fc.property(fc.nat({ max: base.length * 8 - 1 }), (bit) => {
      const bytes = base.slice();
      flipBit(bytes, bit);
      expect(faultOf(bytes, fast.tools)).toEqual(faultOf(bytes, {}));
    });
    fc.assert(property, { numRuns: 200 });
  });
});

describe('the fast hash', () => {
  it('is H64 at every length around the borders, and does not reuse its result', async () => {
    const hash = await createFastHash();
    const message = Uint8Array.from({ length: 40_000 }, (_, i) => (i * 7) & 0xff);
    const lengths = [...Array.from({ length: 130 }, (_, i) => i), 1023, 1024, 1025, 2048, 2049];
    for (const length of [...lengths, 16_384, 16_385, 32_768, 40_000]) {
      expect(hash(message.subarray(0, length))).toEqual(h64(message.subarray(0, length)));
    }
    const first = hash(message);
    hash(message.subarray(1));
    expect(first).toEqual(h64(message));
  });
});

describe('the native signing tools', () => {
  it('make the bytes that the protocol library makes', async () => {
    const tools = await nativeSigningTools();
    expect(tools.sign).not.toBe(signPrehash);
    const secrets = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const prehashes = fc.uint8Array({ minLength: 64, maxLength: 64 });
    const property = fc.property(secrets, prehashes, (secret, prehash) => {
      expect(tools.publicKeyOf(secret)).toEqual(publicKeyOf(secret));
      expect(tools.sign(prehash, secret)).toEqual(signPrehash(prehash, secret));
    });
    fc.assert(property, { numRuns: 60 });
  });

  it('build records', async () => {
    const input = {
      kind: KNOWN_KINDS['chat-message'],
      timestamp: 5n,
      secretKey: new Uint8Array(32).fill(3),
      nonce: new Uint8Array(8),
      payload: new Uint8Array(100),
    };
    const record = buildRecord(input, await nativeSigningTools());
    expect(record.bytes).toEqual(buildRecord(input).bytes);
  });

  it('name a secret key of the wrong length', async () => {
    const { publicKeyOf } = await nativeSigningTools();
    expect(() => publicKeyOf(new Uint8Array(31))).toThrow('a secret key has 32 bytes');
  });
});

describe('without libsodium', () => {
  const cause = new Error('no binary');
  const load = (): Promise<never> =>
    Promise.reject(new MosaicError('unavailable', 'native-module', 'missing', { cause }));

  it('signatures are checked exactly, and it says so', async () => {
    const { kind, tools, fallbacks } = await fastTools(load);
    expect(kind).toBe('exact');
    expect(fallbacks.map(({ code }) => code)).toEqual(['native-module']);
    expect(tools.verify).toBe(exactTools().tools.verify);
    expect(tools.hash).not.toBe(exactTools().tools.hash);
    expect(recordFaultOf(validRecord(1), tools)).toBeUndefined();
    expect(recordFaultOf(forged(validRecord(1)), tools)?.step).toBe('9');
  });

  it('records are signed by the protocol library', async () => {
    expect((await nativeSigningTools(load)).sign).toBe(signPrehash);
  });

  it('one that fails its self-test is not used either', async () => {
    const sodium = await loadSodium();
    const broken: Sodium = {
      ...sodium,
      crypto_core_ed25519_sub: (out, left, right) =>
        sodium.crypto_core_ed25519_add(out, left, right),
    };
    const { kind, fallbacks } = await fastTools(() => Promise.resolve(broken));
    expect(kind).toBe('exact');
    expect(fallbacks[0]?.message).toContain('refuses a valid signature');
  });

  it('a bug in loading is not taken for a missing module', async () => {
    await expect(fastTools(() => Promise.reject(new TypeError('bug')))).rejects.toThrow(TypeError);
  });
});

it('a length that is no key of the vectors is refused', () => {
  expect(fast.tools.keyFault(hexDecode('00'))).toBe('length');
});
