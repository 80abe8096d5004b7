/** Fuzzes profiles: arbitrary CBOR, and encoding again what was accepted. */
import { concatBytes, equalBytes } from '../bytes.ts';
import { decodeProfile, encodeProfile, type Profile } from '../profile.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';
import { type FuzzTarget, require } from './target.ts';

const KEYS: readonly string[] = [
  'name',
  'display_name',
  'about',
  'avatar',
  'website',
  'banner',
  'org',
  'bot',
  'lud16',
  '__proto__',
  'constructor',
  'other',
];

/** Deepest nesting that is made; the decoder's own limit lies below it. */
const DEPTH_MAX = 80;

/** Head of a CBOR item; sometimes longer than it needs to be, or of no definite length. */
function head(majorType: number, value: number, random: Random): Uint8Array {
  const major = majorType << 5;
  if (random.oneIn(24)) return Uint8Array.of(major | 31);
  if (value < 24 && !random.oneIn(8)) return Uint8Array.of(major | value);
  if (random.oneIn(2)) return Uint8Array.of(major | 24, value);
  return Uint8Array.of(major | 26, value >>> 24, value >>> 16, value >>> 8, value);
}

function text(value: string, random: Random): Uint8Array {
  const bytes = new TextEncoder().encode(value);
  return concatBytes(head(3, bytes.length, random), bytes);
}

function item(random: Random, depth: number): Uint8Array {
  switch (random.below(depth > DEPTH_MAX ? 4 : 8)) {
    case 0:
      return head(random.below(2), random.below(300), random);
    case 1: {
      const bytes = random.bytes(random.below(20));
      return concatBytes(head(2, bytes.length, random), bytes);
    }
    case 2:
      return text(random.pick(KEYS), random);
    case 3:
      return Uint8Array.of(0xe0 | random.below(32), random.u32());
    case 4: {
      const items = Array.from({ length: random.below(4) }, () => item(random, depth + 1));
      return concatBytes(head(4, items.length, random), ...items);
    }
    case 5:
      return concatBytes(head(6, random.below(40), random), item(random, depth + 1));
    case 6: {
      let nested = item(random, depth + 20);
      for (let i = random.below(DEPTH_MAX); i > 0; i--)
        nested = concatBytes(Uint8Array.of(0x81), nested);
      return nested;
    }
    default:
      return map(random, depth + 1);
  }
}

function fieldValue(key: string, random: Random): Uint8Array {
  if (random.oneIn(6)) return item(random, 0);
  if (key === 'org' || key === 'bot') return Uint8Array.of(0xf4 + random.below(2));
  const bytes = random.bytes(random.below(30));
  const isImage = key === 'avatar' || key === 'banner';
  return isImage
    ? concatBytes(head(2, bytes.length, random), bytes)
    : text(random.pick(KEYS), random);
}

function map(random: Random, depth: number): Uint8Array {
  const keys = Array.from({ length: random.below(5) }, () => random.pick(KEYS));
  const parts = keys.flatMap((key) => [
    random.oneIn(16) ? item(random, depth + 1) : text(key, random),
    fieldValue(key, random),
  ]);
  return concatBytes(head(5, keys.length, random), ...parts);
}

function isSame(a: Profile, b: Profile): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof Profile>;
  for (const key of keys) {
    const [left, right] = [a[key], b[key]];
    const isBytes = left instanceof Uint8Array && right instanceof Uint8Array;
    if (isBytes ? !equalBytes(left, right) : left !== right) return false;
  }
  return true;
}

/** The target for profiles. */
export function profileTarget(seeds: readonly Uint8Array[]): FuzzTarget {
  return {
    name: 'profile',
    generate: (random) =>
      random.oneIn(2) ? map(random, 0) : mutate(random.pick(seeds), random, seeds),
    run(input) {
      const profile = decodeProfile(input);
      require(Object.getPrototypeOf(profile) === Object.prototype, 'another prototype');
      require(isSame(decodeProfile(encodeProfile(profile)), profile), 'another profile');
      return true;
    },
  };
}
