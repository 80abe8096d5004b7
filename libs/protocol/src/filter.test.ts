/** Filters: round trips, and hostile bytes that may only be refused. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, equalBytes, writeU16 } from './bytes.ts';
import { isMosaicError, MosaicError } from './error.ts';
import { FILTER_ELEMENT, parseFilter } from './filter.ts';
import { buildFilter, type FilterElementInput } from './filter-build.ts';
import { bytesOf, filterElement, PUBLIC_KEYS, timestamp } from '../testing/arbitraries.ts';

const idPrefix = bytesOf(32).map((bytes) => bytes.map((byte, i) => (i === 0 ? byte & 0x7f : byte)));
const elements = fc.array(filterElement(idPrefix, timestamp), { maxLength: 8 });

/** An element of raw data behind its head. */
function raw(type: number, words: number, data: readonly number[] = []): number[] {
  const padded = [...data];
  while (padded.length % 8 !== 0) padded.push(0);
  return [type, words, 0, 0, 0, 0, 0, 0, ...padded];
}

function filterOf(...parts: readonly number[][]): Uint8Array {
  const bytes = Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, ...parts.flat()]);
  writeU16(bytes, 0, bytes.length);
  return bytes;
}

describe('building and reading', () => {
  test('every element comes back in its place', () => {
    fc.assert(
      fc.property(elements, (inputs) => {
        const { bytes } = buildFilter(inputs);
        const filter = parseFilter(bytes);
        expect(filter.elements.map(({ name }) => name)).toEqual(inputs.map(({ name }) => name));
        for (const [i, input] of inputs.entries()) {
          const element = filter.elements[i];
          if ('keys' in input) expect(element?.entries).toEqual(input.keys);
          if ('kinds' in input) expect(element?.entries).toEqual(input.kinds);
          if ('idPrefixes' in input) expect(element?.entries).toEqual(input.idPrefixes);
          if ('tags' in input) {
            expect(element?.tags.map(({ type, value }) => ({ type, value }))).toEqual(input.tags);
          }
          if ('timestamps' in input) expect(element?.entries).toHaveLength(input.timestamps.length);
        }
        expect(bytes.length % 8).toBe(0);
        expect(equalBytes(filter.copy().bytes, bytes)).toBe(true);
      }),
    );
  });

  test('of a unique element the first counts, a repeatable one always', () => {
    const keys = (key: Uint8Array | undefined): FilterElementInput => {
      return { name: 'authors', keys: key === undefined ? [] : [key] };
    };
    const tags: FilterElementInput = { name: 'includedTags', tags: [] };
    const filter = buildFilter([keys(PUBLIC_KEYS[0]), tags, keys(PUBLIC_KEYS[1]), tags]);
    expect(filter.element('authors')?.entries).toEqual([PUBLIC_KEYS[0]]);
    expect(filter.effectiveElements).toEqual([0, 1, 3].map((i) => filter.elements[i]));
  });

  test('is narrow where an element names what is wanted', () => {
    expect(buildFilter([]).isNarrow).toBe(false);
    expect(buildFilter([{ name: 'since', timestamp: 1n }]).isNarrow).toBe(false);
    expect(buildFilter([{ name: 'excludedTags', tags: [] }]).isNarrow).toBe(false);
    expect(buildFilter([{ name: 'includedTags', tags: [] }]).isNarrow).toBe(true);
  });

  test('what does not fit is refused', () => {
    const key = new Uint8Array(32);
    const inputs: FilterElementInput[][] = [
      [{ name: 'authors', keys: [new Uint8Array(31)] }],
      [{ name: 'authors', keys: Array.from({ length: 64 }, () => key) }],
      [{ name: 'since', timestamp: 2n ** 63n }],
      [{ name: 'exclude', idPrefixes: [new Uint8Array(32).fill(0xff)] }],
      [{ name: 'includedTags', tags: [{ type: 1, value: new Uint8Array(2029) }] }],
      Array.from({ length: 40 }, () => ({
        name: 'includedTags' as const,
        tags: [{ type: 1, value: new Uint8Array(2000) }],
      })),
    ];
    for (const input of inputs) expect(() => buildFilter(input)).toThrow(MosaicError);
    const most = Array.from({ length: 63 }, () => key);
    expect(buildFilter([{ name: 'authors', keys: most }]).bytes.length).toBe(8 + 8 + 63 * 32);
  });
});

describe('hostile filters', () => {
  test.each([
    ['an element of length 0', filterOf(raw(0x01, 0))],
    ['an element of length 0 behind a good one', filterOf(raw(0x03, 1), raw(0x03, 0))],
    ['an element that overruns', filterOf(raw(0x03, 2))],
    ['an unknown type', filterOf(raw(0x06, 1))],
    ['keys that are cut off', filterOf(raw(0x01, 2, [1]))],
    [
      'two timestamps in since',
      filterOf(
        raw(
          0x80,
          3,
          Array.from({ length: 16 }, () => 0),
        ),
      ),
    ],
    ['since without one', filterOf(raw(0x80, 1))],
    ['a tag of length 3', filterOf(raw(0x05, 2, [3, 0, 0]))],
    ['a tag that overruns', filterOf(raw(0x05, 2, [9, 0, 1, 0, 1, 1, 1, 1]))],
    ['padding that is not zero', filterOf(raw(0x05, 2, [4, 0, 1, 0, 0, 0, 0, 1]))],
    ['one odd byte of padding', filterOf(raw(0x05, 2, [7, 0, 1, 0, 1, 1, 1, 9]))],
    ['a malformed later duplicate', filterOf(raw(0x03, 1), raw(0x01, 2, [1]))],
    ['no header', new Uint8Array(7)],
    ['bytes behind it', concatBytes(filterOf(), new Uint8Array(8))],
  ])('%s', (_, bytes) => {
    expect(() => parseFilter(bytes)).toThrow(expect.objectContaining({ code: 'filter' }));
  });

  test('the most elements there can be are read at once', () => {
    const types = [0x05, ...Object.values(FILTER_ELEMENT).filter((type) => type < 0x80)];
    const parts = Array.from({ length: 8190 }, (_, i) => raw(types[i % types.length] ?? 5, 1));
    const startMs = performance.now();
    const filter = parseFilter(filterOf(...parts));
    expect(filter.elements).toHaveLength(8190);
    expect(filter.effectiveElements.length).toBeLessThan(8190);
    expect(performance.now() - startMs).toBeLessThan(2000);
  });

  test('arbitrary bytes are a filter that can be built again, or refused', () => {
    const seeds = elements.map((inputs) => buildFilter(inputs).bytes);
    const edits = fc.array(fc.tuple(fc.nat({ max: 300 }), fc.nat({ max: 255 })), { maxLength: 4 });
    fc.assert(
      fc.property(seeds, edits, (bytes, list) => {
        const copy = bytes.slice();
        for (const [at, value] of list) copy[at % copy.length] = value;
        try {
          const filter = parseFilter(copy);
          expect(filter.elements.flatMap((element) => element.entries).length).toBeLessThan(500);
        } catch (error) {
          expect(isMosaicError(error)).toBe(true);
        }
      }),
      { numRuns: 500 },
    );
  });
});
