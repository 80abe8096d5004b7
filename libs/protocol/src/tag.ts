/**
 * Tags: the searchable part of a record, a sequence of typed values.
 *
 *     [0:2)  length, u16 LE, counting itself and the type
 *     [2:4)  type, u16 LE
 *     [4:…)  value
 *
 * Every tag is legal, whatever its type and shape, as long as its length is at least 4 and fits;
 * `core-tag.ts` gives some types a meaning.
 *
 * Source: Mosaic specification 0.8.0, "Tags".
 */
import { equalAt, readU16, writeU16 } from './bytes.ts';
import { invalid, MosaicError } from './error.ts';

/** Bytes before a tag's value. */
export const TAG_HEAD_BYTES = 4;
/** Most bytes of a tag section: its length is a u16. */
export const TAG_SECTION_BYTES_MAX = 0xffff;

/** A tag to write: its type (u16) and value (at most 65,531 bytes). */
export interface TagInput {
  readonly type: number;
  readonly value: Uint8Array;
}

/** A tag as a view over the bytes it came in; fields are read on demand. */
export class TagView {
  /** The section or element that holds the tag. */
  readonly source: Uint8Array;
  /** Offset of the tag's first byte in `source`. */
  readonly start: number;

  constructor(source: Uint8Array, start: number) {
    this.source = source;
    this.start = start;
  }

  /** Bytes of the whole tag. */
  get length(): number {
    return readU16(this.source, this.start);
  }

  /** u16. */
  get type(): number {
    return readU16(this.source, this.start + 2);
  }

  /** A view of the value. */
  get value(): Uint8Array {
    return this.source.subarray(this.start + TAG_HEAD_BYTES, this.start + this.length);
  }

  /** A view of the whole tag. */
  get bytes(): Uint8Array {
    return this.source.subarray(this.start, this.start + this.length);
  }
}

/**
 * Checks that tags fill `[start:end)` exactly.
 *
 * @returns the offset of the first byte that breaks the rule; −1 where none does
 */
export function tagSectionFault(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    if (at + TAG_HEAD_BYTES > end) return at;
    const length = readU16(bytes, at);
    if (length < TAG_HEAD_BYTES || at + length > end) return at;
    at += length;
  }
  return -1;
}

/**
 * Offset behind the tag at `at`; `end` where none fits there, so that a walk over unchecked bytes
 * ends as well. Allocates nothing.
 */
export function tagEnd(bytes: Uint8Array, at: number, end: number): number {
  const length = readU16(bytes, at);
  return length < TAG_HEAD_BYTES || at + length > end ? end : at + length;
}

/** Walks the tags of a section; over unchecked bytes it ends at the first tag that does not fit. */
export function* tagsIn(bytes: Uint8Array, start: number, end: number): Generator<TagView> {
  for (let at = start; at < end; ) {
    const length = readU16(bytes, at);
    if (length < TAG_HEAD_BYTES || at + length > end) return;
    yield new TagView(bytes, at);
    at += length;
  }
}

/** How many tags {@link tagsIn} walks. Allocates nothing. */
export function countTags(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = start; at < end; count++) {
    const length = readU16(bytes, at);
    if (length < TAG_HEAD_BYTES || at + length > end) break;
    at += length;
  }
  return count;
}

/**
 * Whether the section `[start:end)` holds the tag of `length` bytes at `needleAt`: same type, same
 * whole value. Allocates nothing; over unchecked bytes it ends at the first tag that does not fit.
 */
export function sectionHasTag(
  bytes: Uint8Array,
  start: number,
  end: number,
  needle: Uint8Array,
  needleAt: number,
  length: number,
): boolean {
  for (let at = start; at < end; ) {
    const next = tagEnd(bytes, at, end);
    if (next - at === length && equalAt(bytes, at, needle, needleAt, length)) return true;
    at = next;
  }
  return false;
}

/**
 * Splits a tag section, exactly as long as its tags.
 *
 * @returns views over `section`
 * @throws MosaicError `invalid` with code `tags` at the tag that does not fit
 */
export function parseTags(section: Uint8Array): TagView[] {
  const fault = tagSectionFault(section, 0, section.length);
  if (fault >= 0) {
    throw invalid('tags', 'a tag is shorter than 4 bytes or overruns', fault, section.length);
  }
  return [...tagsIn(section, 0, section.length)];
}

/**
 * The bytes of a tag.
 *
 * @throws MosaicError `invalid` with code `tags` where type or value do not fit
 */
export function encodeTag(tag: TagInput): Uint8Array {
  return encodeTags([tag]);
}

/**
 * The bytes of a tag section, without padding.
 *
 * @throws MosaicError `invalid` with code `tags` where a type is no u16 or the section exceeds
 *   65,535 bytes
 */
export function encodeTags(tags: readonly TagInput[]): Uint8Array {
  const total = tags.reduce((sum, tag) => sum + TAG_HEAD_BYTES + tag.value.length, 0);
  if (total > TAG_SECTION_BYTES_MAX) {
    throw new MosaicError('invalid', 'tags', `tags take ${total} bytes, at most 65535 fit`);
  }
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const { type, value } of tags) {
    if (!Number.isInteger(type) || type < 0 || type > 0xffff) {
      throw new MosaicError('invalid', 'tags', `tag type ${type} is no u16`);
    }
    writeU16(bytes, at, TAG_HEAD_BYTES + value.length);
    writeU16(bytes, at + 2, type);
    bytes.set(value, at + TAG_HEAD_BYTES);
    at += TAG_HEAD_BYTES + value.length;
  }
  return bytes;
}
