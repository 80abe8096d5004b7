/** Tags: splitting and meaning, with walks over unchecked bytes that end. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes } from './bytes.ts';
import { type CoreTag, coreTag, interpretTag, sectionNotifies } from './core-tag.ts';
import { isMosaicError, MosaicError } from './error.ts';
import { encodeTag, encodeTags, parseTags, sectionHasTag, tagSectionFault, tagsIn } from './tag.ts';
import { bytesOf, kind, PUBLIC_KEYS, publicKey, tag } from '../testing/arbitraries.ts';

describe('tag sections', () => {
  test('round trip, whatever type and value', () => {
    fc.assert(
      fc.property(fc.array(tag), (tags) => {
        const section = encodeTags(tags);
        const parsed = parseTags(section);
        expect(parsed.map(({ type, value }) => ({ type, value }))).toEqual(tags);
        expect(encodeTags(parsed)).toEqual(section);
        expect(concatBytes(...parsed.map(({ bytes }) => bytes))).toEqual(section);
      }),
    );
  });

  test('arbitrary bytes are split exactly or refused, and every walk over them ends', () => {
    const shortLengths = fc
      .array(fc.nat({ max: 9 }), { maxLength: 40 })
      .map((list) => Uint8Array.from(list));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), shortLengths), (section) => {
        const walked = [...tagsIn(section, 0, section.length)];
        sectionNotifies(section, 0, section.length, new Uint8Array(32));
        sectionHasTag(section, 0, section.length, section, 0, 4);
        if (tagSectionFault(section, 0, section.length) >= 0) {
          expect(() => parseTags(section)).toThrow(expect.objectContaining({ code: 'tags' }));
        } else {
          expect(encodeTags(parseTags(section))).toEqual(section);
          expect(walked).toHaveLength(parseTags(section).length);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('the fault is where the tag that does not fit begins', () => {
    const section = concatBytes(
      encodeTags([{ type: 1, value: Uint8Array.of(1) }]),
      Uint8Array.of(3, 0, 1, 0),
    );
    expect(() => parseTags(section)).toThrow(
      expect.objectContaining({ range: { start: 5, end: 9 } }),
    );
  });

  test('a section holds 65,535 bytes and not one more', () => {
    const value = new Uint8Array(65_531);
    expect(encodeTag({ type: 1, value }).length).toBe(65_535);
    expect(() => encodeTag({ type: 1, value: new Uint8Array(65_532) })).toThrow(MosaicError);
    expect(() =>
      encodeTags([
        { type: 1, value },
        { type: 1, value: new Uint8Array(0) },
      ]),
    ).toThrow(MosaicError);
  });

  test.each([-1, 65_536, 1.5])('the type %o is refused', (type) => {
    expect(() => encodeTag({ type, value: new Uint8Array(0) })).toThrow(MosaicError);
  });
});

describe('core tags', () => {
  const offset = fc.nat({ max: 0xffff_ffff });
  const reference = bytesOf(48);
  const core: fc.Arbitrary<CoreTag> = fc.oneof(
    fc.record({ name: fc.constantFrom('notify', 'subkey'), key: publicKey }),
    fc.record({ name: fc.constant('nostrSister'), nostrId: bytesOf(32) }),
    fc.record({ name: fc.constantFrom('userMention', 'serverMention'), offset, key: publicKey }),
    fc.record({ name: fc.constantFrom('reply', 'root'), kind, reference }),
    fc.record({ name: fc.constant('quote'), offset, kind, reference }),
    fc.record({
      name: fc.constantFrom('url', 'image', 'video'),
      offset,
      url: fc.string({ unit: 'grapheme', maxLength: 40 }),
    }),
  );

  test('meaning to bytes and back', () => {
    fc.assert(
      fc.property(core, (meaning) => {
        const [parsed] = parseTags(encodeTag(coreTag(meaning)));
        expect(parsed && interpretTag(parsed)).toEqual(meaning);
      }),
      { numRuns: 300 },
    );
  });

  test('another shape means nothing', () => {
    fc.assert(
      fc.property(core, fc.uint8Array({ minLength: 1, maxLength: 3 }), (meaning, more) => {
        const { type, value } = coreTag(meaning);
        if ('url' in meaning) return;
        const [longer] = parseTags(encodeTag({ type, value: concatBytes(value, more) }));
        const [shorter] = parseTags(encodeTag({ type, value: value.subarray(1) }));
        expect(longer && interpretTag(longer)).toBeUndefined();
        expect(shorter && interpretTag(shorter)).toBeUndefined();
      }),
    );
  });

  test('a URL that is no UTF-8 and a key that is none mean nothing', () => {
    const url = encodeTag({ type: 0x24, value: Uint8Array.of(0, 0, 0, 0, 0xff) });
    const notify = encodeTag({ type: 0x01, value: new Uint8Array(36) });
    for (const section of [url, notify]) {
      expect(parseTags(section).map(interpretTag)).toEqual([undefined]);
    }
  });

  test.each([
    { name: 'url', offset: -1, url: '' },
    { name: 'url', offset: 2 ** 32, url: '' },
    { name: 'notify', key: new Uint8Array(32) },
    { name: 'nostrSister', nostrId: new Uint8Array(31) },
    { name: 'reply', kind: new Uint8Array(7), reference: new Uint8Array(48) },
    { name: 'reply', kind: new Uint8Array(8), reference: new Uint8Array(47) },
  ] as CoreTag[])('%o cannot be written', (meaning) => {
    try {
      coreTag(meaning);
      expect.unreachable();
    } catch (error) {
      expect(isMosaicError(error)).toBe(true);
    }
  });
});

describe('notifying', () => {
  test('is a whole notify tag of the key', () => {
    fc.assert(
      fc.property(fc.array(tag), publicKey, fc.boolean(), (tags, key, isNotified) => {
        const all = isNotified ? [...tags, coreTag({ name: 'notify', key })] : tags;
        const section = encodeTags(all);
        const meanings = parseTags(section).map(interpretTag);
        const want = meanings.some(
          (meaning) =>
            meaning?.name === 'notify' && meaning.key.every((byte, i) => byte === key[i]),
        );
        expect(sectionNotifies(section, 0, section.length, key)).toBe(want);
        if (isNotified) expect(want).toBe(true);
      }),
    );
  });

  test('a tag that overruns its section notifies nobody', () => {
    const key = PUBLIC_KEYS[0] ?? new Uint8Array(32);
    const section = encodeTag(coreTag({ name: 'notify', key }));
    expect(sectionNotifies(section, 0, 40, key)).toBe(true);
    expect(sectionNotifies(section, 0, 39, key)).toBe(false);
  });
});
