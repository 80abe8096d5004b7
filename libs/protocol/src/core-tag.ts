/**
 * The tags that the specification gives a meaning. A tag of such a type but another shape is
 * still legal and searchable; it just means nothing.
 *
 *     notify, Nostr sister, subkey   [4:8) zero     [8:40) key
 *     user and server mention        [4:8) offset   [8:40) key
 *     reply, root                    [4:8) zero     [8:16) kind   [16:64) reference
 *     quote                          [4:8) offset   [8:16) kind   [16:64) reference
 *     URL, image, video              [4:8) offset   [8:…)  URL, UTF-8
 *
 * Source: Mosaic specification 0.8.0, "Core tags".
 */
import { equalAt, readU16, readU32, writeU32 } from './bytes.ts';
import { MosaicError } from './error.ts';
import { asPublicKey, isPublicKey, KEY_BYTES, type PublicKey } from './key.ts';
import { KIND_BYTES, type Kind } from './kind.ts';
import { asReference, REFERENCE_BYTES, type Reference } from './reference.ts';
import { tagEnd, type TagInput, TagView } from './tag.ts';

/** Type numbers of the core tags. */
export const TAG_TYPE = {
  notify: 0x01,
  reply: 0x02,
  root: 0x03,
  nostrSister: 0x08,
  subkey: 0x10,
  userMention: 0x20,
  serverMention: 0x21,
  quote: 0x22,
  url: 0x24,
  image: 0x25,
  video: 0x26,
} as const;

/** The names of the core tags. */
export type CoreTagName = keyof typeof TAG_TYPE;

/** A core tag's meaning. `offset` is a u32: the place in the payload that the tag speaks of. */
export type CoreTag =
  | { readonly name: 'notify' | 'subkey'; readonly key: PublicKey }
  | { readonly name: 'nostrSister'; readonly nostrId: Uint8Array }
  | {
      readonly name: 'userMention' | 'serverMention';
      readonly offset: number;
      readonly key: PublicKey;
    }
  | { readonly name: 'reply' | 'root'; readonly kind: Kind; readonly reference: Reference }
  | {
      readonly name: 'quote';
      readonly offset: number;
      readonly kind: Kind;
      readonly reference: Reference;
    }
  | { readonly name: 'url' | 'image' | 'video'; readonly offset: number; readonly url: string };

const NAMES: ReadonlyMap<number, CoreTagName> = new Map(
  Object.entries(TAG_TYPE).map(([name, type]) => [type, name as CoreTagName]),
);

/** Bytes of a whole notify, subkey, mention or Nostr sister tag. */
export const KEY_TAG_BYTES = 40;
/** Bytes of a whole reply, root or quote tag. */
export const REFERENCE_TAG_BYTES = 64;

/** The core name of a tag type; undefined for the others. */
export function coreTagName(type: number): CoreTagName | undefined {
  return NAMES.get(type);
}

/**
 * The meaning of a tag; undefined where it has none: another type, another shape, or (user keys
 * and subkeys) 32 bytes that are no key. The parts are views over the tag's bytes.
 */
export function interpretTag(tag: TagView): CoreTag | undefined {
  const name = coreTagName(tag.type);
  if (name === undefined) return undefined;
  const bytes = tag.bytes;
  switch (name) {
    case 'notify':
    case 'subkey':
    case 'userMention':
    case 'serverMention': {
      const key = keyIn(bytes);
      if (key === undefined || !isPublicKey(key)) return undefined;
      if (name === 'notify' || name === 'subkey') return { name, key };
      return { name, offset: readU32(bytes, 4), key };
    }
    case 'nostrSister': {
      const nostrId = keyIn(bytes);
      return nostrId && { name, nostrId };
    }
    case 'reply':
    case 'root':
    case 'quote': {
      if (bytes.length !== REFERENCE_TAG_BYTES) return undefined;
      const kind = bytes.subarray(8, 16);
      const reference = bytes.subarray(16, REFERENCE_TAG_BYTES);
      if (name !== 'quote') return { name, kind, reference };
      return { name, offset: readU32(bytes, 4), kind, reference };
    }
    case 'url':
    case 'image':
    case 'video': {
      const url = bytes.length < 8 ? undefined : utf8(bytes.subarray(8));
      return url === undefined ? undefined : { name, offset: readU32(bytes, 4), url };
    }
    default:
      return undefined;
  }
}

function keyIn(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length === KEY_TAG_BYTES ? bytes.subarray(8, KEY_TAG_BYTES) : undefined;
}

function utf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/**
 * The tag that means `core`.
 *
 * @returns a new type and value, ready for `buildRecord`
 * @throws MosaicError `invalid` with code `key`, `kind`, `reference` or `tags` for parts that do
 *   not fit
 */
export function coreTag(core: CoreTag): TagInput {
  const type = TAG_TYPE[core.name];
  switch (core.name) {
    case 'notify':
    case 'subkey':
      return { type, value: withOffset(0, asPublicKey(core.key)) };
    case 'userMention':
    case 'serverMention':
      return { type, value: withOffset(core.offset, asPublicKey(core.key)) };
    case 'nostrSister':
      if (core.nostrId.length !== KEY_BYTES) {
        throw new MosaicError('invalid', 'tags', 'a Nostr id has 32 bytes');
      }
      return { type, value: withOffset(0, core.nostrId) };
    case 'reply':
    case 'root':
      return { type, value: withOffset(0, kindAndReference(core.kind, core.reference)) };
    case 'quote':
      return { type, value: withOffset(core.offset, kindAndReference(core.kind, core.reference)) };
    case 'url':
    case 'image':
    case 'video':
      return { type, value: withOffset(core.offset, new TextEncoder().encode(core.url)) };
    default:
      throw new MosaicError('invalid', 'tags', 'no such core tag');
  }
}

function withOffset(offset: number, rest: Uint8Array): Uint8Array {
  if (!Number.isInteger(offset) || offset < 0 || offset > 0xffff_ffff) {
    throw new MosaicError('invalid', 'tags', `tag offset ${offset} is no u32`);
  }
  const value = new Uint8Array(4 + rest.length);
  writeU32(value, 0, offset);
  value.set(rest, 4);
  return value;
}

function kindAndReference(kind: Kind, reference: Reference): Uint8Array {
  if (kind.length !== KIND_BYTES) throw new MosaicError('invalid', 'kind', 'a kind has 8 bytes');
  const bytes = new Uint8Array(KIND_BYTES + REFERENCE_BYTES);
  bytes.set(kind);
  bytes.set(asReference(reference), KIND_BYTES);
  return bytes;
}

/**
 * Whether a tag section notifies `key`, which is how an "author and tagged" record names its
 * readers. Allocates nothing; `key` must be a valid key. Over unchecked bytes it ends at the first
 * tag that does not fit.
 */
export function sectionNotifies(
  bytes: Uint8Array,
  start: number,
  end: number,
  key: PublicKey,
): boolean {
  for (let at = start; at < end; ) {
    const isNotify =
      readU16(bytes, at) === KEY_TAG_BYTES &&
      readU16(bytes, at + 2) === TAG_TYPE.notify &&
      at + KEY_TAG_BYTES <= end;
    if (isNotify && equalAt(bytes, at + 8, key, 0, KEY_BYTES)) return true;
    at = tagEnd(bytes, at, end);
  }
  return false;
}
