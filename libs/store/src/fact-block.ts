/**
 * Facts as sorted bytes: control objects hold them like this, and so does memory. What is known is the
 * union of any number of blocks, in any order, because of a fact that is in several the newest counts.
 *
 *     per fact   [0:2) bytes of the name  [2:4) bytes of the value  [4] flags: bit 0 removed  [5] zero
 *                [6:16) version: milliseconds since 1970 (6, big endian), writer (4, big endian)
 *                [16:…) name: collection, 00, key; then the value
 *     ascending by name, each name once
 */
import { readU16, readU32BE, readU16BE, writeU16 } from '@mosaic-cluster/protocol';
import type { Fact, FactChange } from './registry.ts';

/** Bytes of a version; versions sort as bytes. */
export const FACT_VERSION_BYTES = 10;
/** Bytes before a fact's name. */
export const FACT_HEAD_BYTES = 16;

const NAME_AT = FACT_HEAD_BYTES;
const FLAGS_AT = 4;
const VERSION_AT = 6;
const REMOVED = 1;

/** A fact to put into a block. */
export interface NamedFact {
  readonly name: Uint8Array;
  readonly version: Uint8Array;
  /** Undefined: it was removed. */
  readonly value: Uint8Array | undefined;
}

/** What a fact is filed under: collection, 00, key. */
export function factName(collection: string, key: Uint8Array): Buffer {
  const name = Buffer.allocUnsafe(collection.length + 1 + key.length);
  name.write(collection, 'latin1');
  name[collection.length] = 0;
  name.set(key, collection.length + 1);
  return name;
}

/** The milliseconds of a version. */
export function versionMs(version: Uint8Array, at = 0): number {
  return readU16BE(version, at) * 0x1_0000_0000 + readU32BE(version, at + 2);
}

/** What became of a fact, for those who are told of news. Views over what is given. */
export function changeOf({ name, value }: Omit<NamedFact, 'version'>): FactChange {
  const end = name.indexOf(0);
  const collection = String.fromCharCode(...name.subarray(0, end));
  return { collection, key: name.subarray(end + 1), value };
}

/** A fact for those who asked for it. Views over what is given. */
export function factOf({ name, version, value }: NamedFact & { value: Uint8Array }): Fact {
  return { ...changeOf({ name, value }), value, changedAtMs: versionMs(version) };
}

/** Facts, each name once, in order. Never changes. */
export class FactBlock {
  static readonly empty: FactBlock = new FactBlock(new Uint8Array(0), new Uint32Array(0));
  /** As above. */
  readonly bytes: Uint8Array;
  /** Where each fact starts. */
  readonly #starts: Uint32Array;

  /** @param starts where each fact starts in the bytes, which are as they should be */
  constructor(bytes: Uint8Array, starts: Uint32Array) {
    this.bytes = bytes;
    this.#starts = starts;
  }

  /** Of facts in any order with different names. */
  static of(facts: readonly NamedFact[]): FactBlock {
    const sorted = facts.toSorted((a, b) => Buffer.compare(a.name, b.name));
    let length = 0;
    for (const { name, value } of sorted) {
      length += FACT_HEAD_BYTES + name.length + (value?.length ?? 0);
    }
    const bytes = new Uint8Array(length);
    const starts = new Uint32Array(sorted.length);
    let at = 0;
    sorted.forEach(({ name, version, value }, i) => {
      starts[i] = at;
      writeU16(bytes, at, name.length);
      writeU16(bytes, at + 2, value?.length ?? 0);
      bytes[at + FLAGS_AT] = value === undefined ? REMOVED : 0;
      bytes.set(version, at + VERSION_AT);
      bytes.set(name, at + NAME_AT);
      if (value !== undefined) bytes.set(value, at + NAME_AT + name.length);
      at += FACT_HEAD_BYTES + name.length + (value?.length ?? 0);
    });
    return new FactBlock(bytes, starts);
  }

  /** Facts, removed ones included. */
  get count(): number {
    return this.#starts.length;
  }

  /** The fact at an index below the count: views. */
  at(index: number): NamedFact {
    const { bytes } = this;
    const start = this.#starts[index]!;
    const nameEnd = start + NAME_AT + readU16(bytes, start);
    const isRemoved = (bytes[start + FLAGS_AT]! & REMOVED) !== 0;
    return {
      name: bytes.subarray(start + NAME_AT, nameEnd),
      version: bytes.subarray(start + VERSION_AT, start + NAME_AT),
      value: isRemoved ? undefined : bytes.subarray(nameEnd, nameEnd + readU16(bytes, start + 2)),
    };
  }

  /** The fact of a name. */
  find(name: Uint8Array): NamedFact | undefined {
    const index = this.lowerBound(name);
    return index < this.count && this.#compare(index, name) === 0 ? this.at(index) : undefined;
  }

  /** Index of the first fact whose name is not below the given one. */
  lowerBound(name: Uint8Array): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(middle, name) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The collections that facts are of, removed ones included: the first, `max` at most, in order. */
  collections(max: number): string[] {
    const found: string[] = [];
    for (let at = 0; at < this.count && found.length < max; ) {
      const { collection } = changeOf(this.at(at));
      found.push(collection);
      at = this.lowerBound(Buffer.from(`${collection}\u0001`));
    }
    return found;
  }

  /** This one and another, the newer of two facts with one name. */
  merge(other: FactBlock): FactBlock {
    if (other.count === 0) return this;
    if (this.count === 0) return other;
    const builder = new BlockBuilder(
      this.bytes.length + other.bytes.length,
      this.count + other.count,
    );
    let a = 0;
    let b = 0;
    while (a < this.count && b < other.count) {
      const [mine, theirs] = [this.#starts[a]!, other.#starts[b]!];
      const order = compareNames(this.bytes, mine, other.bytes, theirs);
      const isMine =
        order < 0 || (order === 0 && compareVersions(this.bytes, mine, other.bytes, theirs) >= 0);
      if (isMine) builder.add(this.bytes, mine);
      else builder.add(other.bytes, theirs);
      if (order <= 0) a++;
      if (order >= 0) b++;
    }
    for (; a < this.count; a++) builder.add(this.bytes, this.#starts[a]!);
    for (; b < other.count; b++) builder.add(other.bytes, other.#starts[b]!);
    return builder.finish();
  }

  /** Without the removals of before a time. */
  forgetting(beforeMs: number): FactBlock {
    const builder = new BlockBuilder(this.bytes.length, this.count);
    for (const start of this.#starts) {
      const isRemoved = (this.bytes[start + FLAGS_AT]! & REMOVED) !== 0;
      if (isRemoved && versionMs(this.bytes, start + VERSION_AT) < beforeMs) continue;
      builder.add(this.bytes, start);
    }
    return builder.finish();
  }

  #compare(index: number, name: Uint8Array): number {
    const { bytes } = this;
    const start = this.#starts[index]!;
    return compareSlices(bytes, start + NAME_AT, readU16(bytes, start), name, 0, name.length);
  }
}

/** All blocks in one, the smallest first, so that a large one is copied once. */
export function mergeBlocks(blocks: readonly FactBlock[]): FactBlock {
  const left = blocks.toSorted((a, b) => b.bytes.length - a.bytes.length);
  while (left.length > 1) {
    const merged = left.pop()!.merge(left.pop()!);
    let at = left.length;
    while (at > 0 && left[at - 1]!.bytes.length < merged.bytes.length) at--;
    left.splice(at, 0, merged);
  }
  return left[0] ?? FactBlock.empty;
}

/** Gathers facts in order; neighbours of one source are copied together. */
class BlockBuilder {
  readonly #bytes: Uint8Array;
  readonly #starts: Uint32Array;
  #length = 0;
  #count = 0;
  #source: Uint8Array = new Uint8Array(0);
  #runStart = 0;
  #runEnd = 0;

  constructor(bytesMax: number, countMax: number) {
    this.#bytes = new Uint8Array(bytesMax);
    this.#starts = new Uint32Array(countMax);
  }

  add(source: Uint8Array, start: number): void {
    const bytes = FACT_HEAD_BYTES + readU16(source, start) + readU16(source, start + 2);
    if (source !== this.#source || start !== this.#runEnd) {
      this.#flush();
      this.#source = source;
      this.#runStart = start;
    }
    this.#runEnd = start + bytes;
    this.#starts[this.#count++] = this.#length;
    this.#length += bytes;
  }

  finish(): FactBlock {
    this.#flush();
    const isFull = this.#length === this.#bytes.length;
    const bytes = isFull ? this.#bytes : this.#bytes.slice(0, this.#length);
    const starts =
      this.#count === this.#starts.length ? this.#starts : this.#starts.slice(0, this.#count);
    return new FactBlock(bytes, starts);
  }

  #flush(): void {
    const run = this.#source.subarray(this.#runStart, this.#runEnd);
    this.#bytes.set(run, this.#length - run.length);
    this.#runStart = this.#runEnd;
  }
}

/** The order of the names of two facts that start at given places. */
export function compareNames(a: Uint8Array, atA: number, b: Uint8Array, atB: number): number {
  return compareSlices(a, atA + NAME_AT, readU16(a, atA), b, atB + NAME_AT, readU16(b, atB));
}

function compareVersions(a: Uint8Array, atA: number, b: Uint8Array, atB: number): number {
  const length = FACT_VERSION_BYTES;
  return compareSlices(a, atA + VERSION_AT, length, b, atB + VERSION_AT, length);
}

function compareSlices(
  a: Uint8Array,
  atA: number,
  lengthA: number,
  b: Uint8Array,
  atB: number,
  lengthB: number,
): number {
  const shared = Math.min(lengthA, lengthB);
  for (let i = 0; i < shared; i++) {
    const difference = a[atA + i]! - b[atB + i]!;
    if (difference !== 0) return difference;
  }
  return lengthA - lengthB;
}
