/** Fuzzes filters: parsing, matching against records, and building the same bytes again. */
import { equalBytes, writeU16 } from '../bytes.ts';
import {
  FILTER_HEAD_BYTES,
  type FilterElementView,
  type FilterView,
  parseFilter,
} from '../filter.ts';
import { buildFilter, type FilterElementInput } from '../filter-build.ts';
import { compileFilter } from '../filter-match.ts';
import { parseRecord } from '../record.ts';
import { decodeTimestamp, readTimestamp } from '../timestamp.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';
import { type FuzzTarget, require } from './target.ts';

/** Makes the byte length fit again, and sometimes each element's, as far as that is possible. */
function repair(bytes: Uint8Array, random: Random): Uint8Array {
  const length = Math.floor(bytes.length / 8) * 8;
  if (length < FILTER_HEAD_BYTES) return bytes;
  const repaired = bytes.slice(0, length);
  writeU16(repaired, 0, length);
  if (random.oneIn(2)) return repaired;
  for (let at = FILTER_HEAD_BYTES; at < length; at += 8 * repaired[at + 1]!) {
    const words = (length - at) / 8;
    if (repaired[at + 1] === 0 || repaired[at + 1]! > words) {
      repaired[at + 1] = 1 + random.below(Math.min(words, 255));
    }
  }
  return repaired;
}

function elementInput(element: FilterElementView): FilterElementInput {
  const { name, entries } = element;
  switch (name) {
    case 'authors':
    case 'signingKeys':
      return { name, keys: entries };
    case 'kinds':
      return { name, kinds: entries };
    case 'timestamps':
      return { name, timestamps: entries.map(decodeTimestamp) };
    case 'includedTags':
    case 'excludedTags':
      return { name, tags: element.tags };
    case 'exclude':
      return { name, idPrefixes: entries };
    default:
      return { name, timestamp: readTimestamp(element.source, element.start) };
  }
}

/** A copy without what writers leave out: reserved bytes, more tag padding than is needed. */
function canonical(filter: FilterView): Uint8Array {
  const parts: number[] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (const { source, start, end } of filter.elements) {
    const words = 1 + Math.ceil((end - start) / 8);
    parts.push(source[start - 8]!, words, 0, 0, 0, 0, 0, 0, ...source.subarray(start, end));
    while (parts.length % 8 !== 0) parts.push(0);
  }
  const bytes = Uint8Array.from(parts);
  writeU16(bytes, 0, bytes.length);
  return bytes;
}

/** The target for filters. */
export function filterTarget(
  seeds: readonly Uint8Array[],
  records: readonly Uint8Array[],
): FuzzTarget {
  const candidates = records.flatMap((bytes) => {
    try {
      return [parseRecord(bytes)];
    } catch {
      return [];
    }
  });
  return {
    name: 'filter',
    generate(random) {
      const bytes = mutate(random.pick(seeds), random, seeds);
      return random.oneIn(3) ? bytes : repair(bytes, random);
    },
    run(input) {
      const filter = parseFilter(input);
      const built = buildFilter(filter.elements.map(elementInput));
      require(equalBytes(built.bytes, canonical(filter)), 'other bytes');
      require(equalBytes(filter.copy().bytes, input), 'a copy differs');
      const matcher = compileFilter(filter);
      const again = compileFilter(built);
      for (let i = 0; i < 4; i++) {
        const record = candidates[(input.length + 7 * i) % candidates.length]!;
        const isMatch = matcher.matches(record, record.timestamp);
        require(again.matches(record, record.timestamp) === isMatch, 'another match');
      }
      return true;
    },
  };
}
