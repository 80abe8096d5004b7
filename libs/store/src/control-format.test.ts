/** Control objects byte by byte: as specified, and nothing that is damaged passes. */
import { readU32, writeU32 } from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CONTROL_HEADER_BYTES, decodeControl, encodeControl } from './control-format.ts';
import { crc32c } from './crc32c.ts';
import { FactBlock, factName, mergeBlocks, type NamedFact } from './fact-block.ts';
import { flipped } from './segment-log-fixture.ts';

const SALT = Buffer.from('0102030405060708', 'hex');
const CORRUPT = expect.objectContaining({ kind: 'corrupt', code: 'control-object' }) as unknown;

function fact(name: string, timeMs: number, value: string | undefined, writer = 7): NamedFact {
  const version = Buffer.alloc(10);
  version.writeUIntBE(timeMs, 0, 6);
  version.writeUInt32BE(writer, 6);
  const bytes = value === undefined ? undefined : Buffer.from(value);
  return { name: factName('users', Buffer.from(name)), version, value: bytes };
}

function facts(block: FactBlock): unknown[] {
  return Array.from({ length: block.count }, (_, i) => {
    const { name, version, value } = block.at(i);
    const text = value && Buffer.from(value).toString();
    return [Buffer.from(name).toString(), Buffer.from(version).toString('hex'), text];
  });
}

describe('a control object', () => {
  const block = FactBlock.of([fact('b', 2, undefined), fact('a', 0x0102_0304_0506, 'hi')]);
  const bytes = encodeControl({ block, forgottenMs: 0x0605_0403_0201 }, SALT);

  it('has the bytes that the specification says', () => {
    const header =
      '4d6f735265670d0a 0100 3000 02000000 3000000000000000 0102030405060708 0102030405060000 00000000';
    const entries =
      '0700 0200 00 00 010203040506 00000007 75736572730061 6869' +
      '0700 0000 01 00 000000000002 00000007 75736572730062';
    const hex = (text: string): string => text.replaceAll(' ', '');
    const written = Buffer.from(bytes).toString('hex');
    expect(written.slice(0, 88)).toBe(hex(header));
    expect(written.slice(96)).toBe(hex(entries));
    const sum = crc32c(Buffer.from(hex(header) + hex(entries), 'hex'), 0, 92);
    expect(readU32(bytes, 44)).toBe(sum);
  });

  it('is read as it was written', () => {
    const content = decodeControl(bytes, 'it');
    expect(content.forgottenMs).toBe(0x0605_0403_0201);
    expect(facts(content.block)).toEqual(facts(block));
    const nothing = encodeControl({ block: FactBlock.empty, forgottenMs: 0 }, SALT);
    expect(decodeControl(nothing, 'it').block.count).toBe(0);
  });

  it('is corrupt with any bit flipped, cut off, or more behind it', () => {
    for (let at = 0; at < bytes.length; at++) {
      for (const mask of [1, 0x80]) {
        expect(() => decodeControl(flipped(bytes, at, mask), 'it'), `${at}`).toThrow(CORRUPT);
      }
      expect(() => decodeControl(bytes.subarray(0, at), 'it')).toThrow(CORRUPT);
    }
    expect(() => decodeControl(Buffer.concat([bytes, bytes]), 'it')).toThrow(CORRUPT);
    expect(() => decodeControl(flipped(bytes, 8, 3), 'control/x')).toThrow(/control\/x.*format 2/);
  });

  it('is corrupt where its facts are none, whatever its checksum', () => {
    const broken = (edit: (body: Buffer) => void): Uint8Array => {
      const copy = Buffer.from(bytes);
      edit(copy.subarray(CONTROL_HEADER_BYTES));
      const sum = crc32c(copy, CONTROL_HEADER_BYTES, copy.length, crc32c(copy, 0, 44));
      writeU32(copy, 44, sum);
      return copy;
    };
    const edits: ((body: Buffer) => void)[] = [
      (body) => body.writeUInt16LE(8, 0),
      (body) => body.writeUInt16LE(1, 2),
      (body) => body.writeUInt8(2, 4),
      (body) => body.writeUInt8(1, 5),
      (body) => body.writeUInt8(0x41, 21),
      (body) => body.writeUInt8(0x63, 22),
      (body) => body.writeUInt8(0, 16),
    ];
    for (const edit of edits) expect(() => decodeControl(broken(edit), 'it')).toThrow(CORRUPT);
    expect(
      decodeControl(
        broken(() => {}),
        'it',
      ).block.count,
    ).toBe(2);
  });
});

describe('blocks of facts', () => {
  const some = fc.uniqueArray(
    fc.tuple(fc.integer({ min: 0, max: 9 }), fc.nat({ max: 5 }), fc.option(fc.string())),
    { selector: ([n]) => n, maxLength: 10, size: 'max' },
  );

  it('merged in any order are the newest of each fact', () => {
    fc.assert(
      fc.property(fc.array(some, { maxLength: 6, size: 'max' }), fc.nat(), (lists, turn) => {
        const all = lists.map((list, writer) =>
          list.map(([n, timeMs, value]) => fact(`${n}`, timeMs, value ?? undefined, writer)),
        );
        const newest = new Map<string, NamedFact>();
        for (const each of all.flat()) {
          const name = Buffer.from(each.name).toString();
          const known = newest.get(name);
          if (known !== undefined && Buffer.compare(known.version, each.version) > 0) continue;
          newest.set(name, each);
        }
        const blocks = all.map((list) => FactBlock.of(list));
        const cut = blocks.length === 0 ? 0 : turn % blocks.length;
        const turned = [...blocks.slice(cut), ...blocks.slice(0, cut)];
        const expected = facts(FactBlock.of([...newest.values()]));
        const merged = mergeBlocks(turned);
        expect(facts(merged)).toEqual(expected);
        expect(facts(mergeBlocks([merged, ...blocks]))).toEqual(expected);
        for (const each of newest.values()) {
          expect(merged.find(each.name)).toMatchObject({ version: Uint8Array.from(each.version) });
        }
        expect(merged.find(factName('users', Buffer.from('missing')))).toBeUndefined();
      }),
      { numRuns: 200 },
    );
  });

  it('forget old removals and nothing else', () => {
    const block = FactBlock.of([
      fact('a', 5, undefined),
      fact('b', 5, 'old'),
      fact('c', 6, undefined),
    ]);
    const left = block.forgetting(6);
    expect(facts(left).map((each) => (each as string[])[0])).toEqual(['users\0b', 'users\0c']);
  });
});
