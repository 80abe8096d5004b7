/** Changing bytes the way that breaks parsers: bits, lengths at their limits, cuts and repeats. */
import { concatBytes, writeU16, writeU32 } from '../bytes.ts';
import type { Random } from './random.ts';

/** Numbers at which lengths and counts go wrong. */
const EDGES: readonly number[] = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 39, 40, 63, 64, 127, 128, 152, 254, 255, 256, 2032, 4096,
  32767, 32768, 65528, 65535, 65536, 0x7fffffff, 0x80000000, 0xfffffff8, 0xfffffff9, 0xffffffff,
];

/** Longest input that mutation makes. */
const BYTES_MAX = 8192;

type Mutation = (bytes: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

function changed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice();
  change(copy);
  return copy;
}

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) =>
    changed(bytes, (copy) => {
      const at = random.below(copy.length);
      if (copy.length > 0) copy[at]! ^= 1 << random.below(8);
    }),
  (bytes, random) =>
    changed(bytes, (copy) => {
      const at = random.below(copy.length);
      if (copy.length > 0) copy[at] = random.oneIn(2) ? random.pick(EDGES) : random.u32();
    }),
  (bytes, random) =>
    changed(bytes, (copy) => {
      if (copy.length >= 2) writeU16(copy, random.below(copy.length - 1), random.pick(EDGES));
    }),
  (bytes, random) =>
    changed(bytes, (copy) => {
      if (copy.length >= 4) writeU32(copy, random.below(copy.length - 3), random.pick(EDGES));
    }),
  (bytes, random) => {
    const at = random.below(bytes.length + 1);
    const inserted = random.bytes(random.oneIn(2) ? 8 : random.below(40));
    return concatBytes(bytes.subarray(0, at), inserted, bytes.subarray(at));
  },
  (bytes, random) => {
    const at = random.below(bytes.length);
    const length = random.oneIn(2) ? 8 : random.below(64);
    return concatBytes(bytes.subarray(0, at), bytes.subarray(at + length));
  },
  (bytes, random) => {
    const at = random.below(bytes.length);
    const part = bytes.subarray(at, at + random.below(96));
    return concatBytes(bytes.subarray(0, at), part, bytes.subarray(at));
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length + 1)),
  (bytes, random, others) => {
    const other = random.pick(others);
    const from = random.below(other.length);
    const part = other.subarray(from, from + random.below(128));
    const at = random.below(bytes.length);
    return concatBytes(bytes.subarray(0, at), part, bytes.subarray(at + part.length));
  },
];

/**
 * Changes `bytes` one to eight times.
 *
 * @param others seeds to splice parts from; at least one
 * @returns new bytes of at most 8 KiB
 */
export function mutate(
  bytes: Uint8Array,
  random: Random,
  others: readonly Uint8Array[],
): Uint8Array {
  let current = bytes;
  const rounds = 1 + random.below(random.oneIn(4) ? 8 : 2);
  for (let i = 0; i < rounds; i++) {
    current = random.pick(MUTATIONS)(current, random, others).slice(0, BYTES_MAX);
  }
  return current;
}
