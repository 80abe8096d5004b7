/** Records: building, reading, and the order in which validation names what is wrong. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equalBytes, writeU16, writeU32 } from './bytes.ts';
import { isMosaicError, MosaicError } from './error.ts';
import { h64 } from './hash.ts';
import { encodeKind, KNOWN_KINDS } from './kind.ts';
import { parseRecord, RECORD_AT, RECORD_BYTES_MAX, RecordView } from './record.ts';
import { buildRecord, type RecordInput } from './record-build.ts';
import { recordFaultOf, validateRecord } from './record-validation.ts';
import { verifyPrehash } from './signature.ts';
import { PUBLIC_KEYS, recordInput, SECRET_KEYS } from '../testing/arbitraries.ts';
import { clearBits, flip, setBits } from '../testing/edit-bytes.ts';

const SECRET = SECRET_KEYS[0] ?? new Uint8Array(32);
const AUTHOR = PUBLIC_KEYS[0] ?? new Uint8Array(32);

const PLAIN: RecordInput = {
  kind: KNOWN_KINDS['chat-message'],
  timestamp: 1_750_000_000_000_000_000n,
  secretKey: SECRET,
  nonce: Uint8Array.of(0x80, 1, 2, 3, 4, 5, 6, 7),
  tags: [{ type: 9, value: Uint8Array.of(1, 2, 3) }],
  payload: new TextEncoder().encode('hello'),
};

/** Signing is slow, and these properties are not about it. */
const UNSIGNED = { sign: () => new Uint8Array(64).fill(7) } as const;
const TRUSTING = { verify: () => true } as const;

/** The record after `change`, with hash and ID made right again. */
function changed(change: (bytes: Uint8Array) => void, isRepaired = true): Uint8Array {
  const bytes = buildRecord(PLAIN).bytes.slice();
  change(bytes);
  if (!isRepaired) return bytes;
  bytes.set(bytes.subarray(128, 136), 0);
  bytes.set(h64(new RecordView(bytes).signedData).subarray(0, 40), 8);
  return bytes;
}

function stepOf(bytes: Uint8Array): string | undefined {
  try {
    validateRecord(bytes, TRUSTING);
    return undefined;
  } catch (error) {
    if (!isMosaicError(error)) throw error;
    expect(error).toMatchObject({ kind: 'invalid', code: 'record' });
    return error.step;
  }
}

describe('building and reading', () => {
  test('every field comes back, and the same input gives the same bytes', () => {
    fc.assert(
      fc.property(recordInput, (input) => {
        const { bytes } = buildRecord(input, UNSIGNED);
        const record = validateRecord(bytes, TRUSTING);
        const tags = [...record.tags()].map(({ type, value }) => ({ type, value }));
        expect(tags).toEqual(input.tags);
        expect(record.tagCount).toBe(tags.length);
        expect(record.payload).toEqual(input.payload);
        expect(record.kind).toEqual(input.kind);
        expect(record.author).toEqual(input.author);
        expect(record.timestamp).toBe(input.timestamp);
        expect(record.nonce.subarray(1)).toEqual(input.nonce?.subarray(1));
        expect([record.zstd, record.fromAuthor]).toEqual([input.zstd, input.fromAuthor]);
        expect(record.signedByAuthor).toBe(equalBytes(record.author, record.signingKey));
        expect(bytes.length % 8).toBe(0);
        expect(equalBytes(buildRecord(input, UNSIGNED).bytes, bytes)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('its own signature is valid, and nothing else is', () => {
    const record = buildRecord({ ...PLAIN, author: PUBLIC_KEYS[1] ?? AUTHOR });
    expect(recordFaultOf(record)).toBeUndefined();
    const prehash = h64(record.signedData);
    expect(verifyPrehash(record.signature, prehash, record.author)).toBe(false);
  });

  test('fields are views over the bytes, a copy is not', () => {
    const { bytes } = buildRecord(PLAIN, UNSIGNED);
    const record = parseRecord(bytes);
    const copy = record.copy();
    bytes[RECORD_AT.nonce + 1] = 0xee;
    expect(record.nonce[1]).toBe(0xee);
    expect(record.address[1]).toBe(0xee);
    expect(copy.nonce[1]).toBe(1);
  });

  test('a copy is one even over bytes whose slice() is a view, as a Buffer has it', () => {
    const buffer = Buffer.from(buildRecord(PLAIN, UNSIGNED).bytes);
    const copy = parseRecord(buffer).copy();
    const before = copy.id[0];
    buffer.fill(0xff);
    expect(copy.id[0]).toBe(before);
  });

  test('a record inside a larger buffer is read in its place', () => {
    const { bytes } = buildRecord(PLAIN, UNSIGNED);
    const larger = new Uint8Array(bytes.length + 20).fill(0xff);
    larger.set(bytes, 13);
    const inside = parseRecord(larger.subarray(13, 13 + bytes.length));
    expect(recordFaultOf(inside, TRUSTING)).toBeUndefined();
    expect(inside.payload).toEqual(PLAIN.payload);
  });

  test('the largest payload fits, one byte more does not', () => {
    const payload = new Uint8Array(1_048_360);
    const largest = buildRecord({ ...PLAIN, tags: [], payload }, UNSIGNED);
    expect(largest.bytes.length).toBe(RECORD_BYTES_MAX);
    const over = { ...PLAIN, tags: [], payload: new Uint8Array(1_048_361) };
    expect(() => buildRecord(over, UNSIGNED)).toThrow('at most 1048360 fit');
  });

  test.each([
    [{ kind: new Uint8Array(7) }, 'kind'],
    [{ kind: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 8) }, 'kind'],
    [{ nonce: new Uint8Array(9) }, 'record'],
    [{ timestamp: 2n ** 63n }, 'timestamp'],
    [{ author: new Uint8Array(32) }, 'key'],
    [{ secretKey: new Uint8Array(31) }, 'secret-key'],
  ])('%o is refused with %s', (part, code) => {
    expect(() => buildRecord({ ...PLAIN, ...part }, UNSIGNED)).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

describe('validation', () => {
  test('names the first broken rule, in order', () => {
    const longer = (bytes: Uint8Array): Uint8Array => Uint8Array.from([...bytes, 0]);
    const noKey = new Uint8Array(32);
    /** Each change breaks one rule more; the later ones must not be seen. */
    const changes: [step: string | undefined, change: (bytes: Uint8Array) => void][] = [
      ['8', (bytes) => flip(bytes, 0)],
      ['7', (bytes) => flip(bytes, 8)],
      ['tags', (bytes) => writeU16(bytes, RECORD_AT.tags, 3)],
      ['timestamp', (bytes) => setBits(bytes, RECORD_AT.timestamp, 0x80)],
      ['kind', (bytes) => (bytes[RECORD_AT.kind + 6] = 1)],
      ['nonce', (bytes) => clearBits(bytes, RECORD_AT.nonce, 0x80)],
      ['11', (bytes) => (bytes[RECORD_AT.flags + 2] = 1)],
      ['flags', (bytes) => setBits(bytes, RECORD_AT.flags, 0x02)],
      ['4', (bytes) => bytes.set(noKey, RECORD_AT.author)],
      ['3', (bytes) => bytes.set(noKey, RECORD_AT.signingKey)],
      ['2', (bytes) => writeU32(bytes, RECORD_AT.payloadLength, 0xffff_ffff)],
    ];
    const bytes = changed((copy) => writeU16(copy, RECORD_AT.signatureLength, 63));
    expect(stepOf(bytes)).toBe('9');
    for (const [step, change] of changes) {
      change(bytes);
      expect(stepOf(bytes)).toBe(step);
    }
    expect(stepOf(longer(bytes))).toBe('2');
    expect(stepOf(bytes.subarray(0, 151))).toBe('1');
  });

  test('an unknown signature scheme is a signature that cannot be valid', () => {
    for (const scheme of [0x40, 0x80, 0xc0]) {
      expect(stepOf(changed((bytes) => (bytes[RECORD_AT.flags] = scheme)))).toBe('9');
    }
  });

  test('payload lengths near 2³² do not wrap', () => {
    for (const length of [0xffff_fff9, 0xffff_ffff, 0x8000_0000]) {
      const bytes = changed((copy) => writeU32(copy, RECORD_AT.payloadLength, length), false);
      expect(stepOf(bytes)).toBe('2');
    }
  });

  test('padding and ignored flag bytes may be anything', () => {
    const changes: ((bytes: Uint8Array) => void)[] = [
      (bytes) => (bytes[RECORD_AT.tags + 7] = 0xff),
      (bytes) => (bytes[RECORD_AT.tags + 15] = 0xff),
      (bytes) => bytes.fill(0xff, RECORD_AT.flags + 3, RECORD_AT.flags + 8),
    ];
    for (const change of changes) expect(stepOf(changed(change))).toBeUndefined();
  });

  test('any one bit that is turned over shows', () => {
    const { bytes } = buildRecord(PLAIN);
    const bit = fc.nat({ max: bytes.length * 8 - 1 });
    fc.assert(
      fc.property(bit, (at) => {
        const copy = bytes.slice();
        flip(copy, at >> 3, 1 << (at & 7));
        expect(() => validateRecord(copy)).toThrow(MosaicError);
      }),
      { numRuns: 150 },
    );
  });

  test('arbitrary bytes never do more than be refused', () => {
    const { bytes } = buildRecord(PLAIN, UNSIGNED);
    const edits = fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })));
    fc.assert(
      fc.property(edits, fc.nat({ max: 40 }), (list, cut) => {
        const copy = bytes.slice(0, bytes.length - cut);
        for (const [at, value] of list) copy[at] = value;
        const step = stepOf(copy);
        if (step === '1' || step === '2') return;
        const record = parseRecord(copy);
        expect([...record.tags()].length).toBeLessThan(20);
        expect(record.tagCount).toBe([...record.tags()].length);
        record.notifies(AUTHOR);
      }),
      { numRuns: 500 },
    );
  });

  test('each tool can be replaced', () => {
    const record = buildRecord(PLAIN, UNSIGNED);
    const fault = (tools: Parameters<typeof recordFaultOf>[1]): string | undefined =>
      recordFaultOf(record, tools)?.step;
    expect(fault({})).toBe('9');
    expect(fault({ verify: () => true })).toBeUndefined();
    expect(fault({ verify: () => true, hash: () => new Uint8Array(64) })).toBe('7');
    expect(fault({ verify: () => true, keyFault: () => 'not-a-point' })).toBe('3');
  });
});

test('kinds say what a server does with a record', () => {
  const kind = encodeKind({
    applicationId: 99,
    applicationKind: 1,
    duplicateHandling: 'ephemeral',
    audience: 'author-and-tagged',
    printable: false,
  });
  const record = buildRecord({ ...PLAIN, kind }, UNSIGNED);
  expect(record.duplicateHandling).toBe('ephemeral');
  expect(record.audience).toBe('author-and-tagged');
  expect([record.isKeySchedule, record.isProfile]).toEqual([false, false]);
});
