/** Answers from a join's bytes where entries went, without making objects of all that it says. */
import { compareBytes, readU32 } from '@mosaic-cluster/protocol';
import {
  decodeSegmentKey,
  encodeSegmentKey,
  OBJECT_POSITION_BYTES,
  type SegmentKey,
} from '../segment-log-objects-address.ts';
import {
  damaged,
  decodeJoinHead,
  JOIN_HEADER_BYTES,
  JOIN_KEPT_BYTES,
  JOIN_LEFT_OUT_BYTES,
  JOIN_SOURCE_BYTES,
  type JoinHead,
  leftOutAt,
  type LeftOutEntry,
} from './join-format.ts';

/** A source of a join. */
export interface TableSource {
  readonly key: SegmentKey;
  /** Of the segment. */
  readonly bytes: number;
  /** Entries in the joined segment. */
  readonly kept: number;
  readonly leftOut: number;
}

/** A join that was read. */
export class JoinTable {
  readonly bytes: Uint8Array;
  readonly head: JoinHead;
  /** Of the joined segment. */
  readonly key: SegmentKey;
  /** Per source, how many entries of those before it were kept; one more for the end. */
  readonly #kept: Uint32Array;
  readonly #leftOut: Uint32Array;
  readonly #keptAt: number;
  readonly #leftOutAt: number;

  /**
   * @param bytes kept, and must not change
   * @param name of the object, for messages
   * @throws MosaicError `corrupt` (`join`), `invalid` (`join-version`)
   */
  constructor(bytes: Uint8Array, name: string) {
    const head = decodeJoinHead(bytes, name);
    this.bytes = bytes;
    this.head = head;
    this.key = decodeSegmentKey(head.key);
    this.#keptAt = JOIN_HEADER_BYTES + head.sources * JOIN_SOURCE_BYTES;
    this.#leftOutAt = this.#keptAt + head.kept * JOIN_KEPT_BYTES;
    this.#kept = new Uint32Array(head.sources + 1);
    this.#leftOut = new Uint32Array(head.sources + 1);
    for (let i = 0; i < head.sources; i++) {
      const at = JOIN_HEADER_BYTES + i * JOIN_SOURCE_BYTES;
      this.#kept[i + 1] = this.#kept[i]! + readU32(bytes, at + 12);
      this.#leftOut[i + 1] = this.#leftOut[i]! + readU32(bytes, at + 16);
      const isInOrder = i === 0 || compareBytes(this.#keyAt(i - 1), this.#keyAt(i)) < 0;
      if (!isInOrder) throw damaged(name, 'its sources are not in order');
    }
    const fits =
      this.#kept[head.sources] === head.kept && this.#leftOut[head.sources] === head.leftOut;
    if (!fits) throw damaged(name, 'its sources count other entries');
  }

  /** How many sources there are. */
  get sources(): number {
    return this.head.sources;
  }

  /** The number of a source; −1: the segment is none. */
  indexOf(key: SegmentKey): number {
    const wanted = encodeSegmentKey(key);
    let low = 0;
    let high = this.head.sources;
    while (low < high) {
      const middle = (low + high) >> 1;
      const order = compareBytes(this.#keyAt(middle), wanted);
      if (order === 0) return middle;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return -1;
  }

  /** A source by its number. */
  source(i: number): TableSource {
    return {
      key: decodeSegmentKey(this.#keyAt(i)),
      kept: this.#kept[i + 1]! - this.#kept[i]!,
      leftOut: this.#leftOut[i + 1]! - this.#leftOut[i]!,
      bytes: readU32(this.bytes, JOIN_HEADER_BYTES + i * JOIN_SOURCE_BYTES + 20),
    };
  }

  /** Where an entry of a source is in the joined segment; undefined: it was left out, or never was. */
  placeOf(source: number, offset: number): number | undefined {
    let low = this.#kept[source]!;
    let high = this.#kept[source + 1]!;
    while (low < high) {
      const middle = (low + high) >> 1;
      const at = this.#keptAt + middle * JOIN_KEPT_BYTES;
      const found = readU32(this.bytes, at);
      if (found === offset) return readU32(this.bytes, at + 4);
      if (found < offset) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  /** The entries of a source that are in the joined segment: offset there, offset here. */
  *keptOf(source: number): Generator<readonly [from: number, to: number]> {
    for (let i = this.#kept[source]!; i < this.#kept[source + 1]!; i++) {
      const at = this.#keptAt + i * JOIN_KEPT_BYTES;
      yield [readU32(this.bytes, at), readU32(this.bytes, at + 4)];
    }
  }

  /** The entries of a source that were left out. */
  leftOutOf(source: number): LeftOutEntry[] {
    const entries: LeftOutEntry[] = [];
    for (let i = this.#leftOut[source]!; i < this.#leftOut[source + 1]!; i++) {
      entries.push(leftOutAt(this.bytes, this.#leftOutAt + i * JOIN_LEFT_OUT_BYTES));
    }
    return entries;
  }

  #keyAt(i: number): Uint8Array {
    const at = JOIN_HEADER_BYTES + i * JOIN_SOURCE_BYTES;
    return this.bytes.subarray(at, at + OBJECT_POSITION_BYTES);
  }
}
