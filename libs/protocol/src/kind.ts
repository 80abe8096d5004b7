/**
 * Kinds: what a record is, in 8 bytes that also say how duplicates are handled and who may read.
 *
 *     [0:4)  application id, u32 BE
 *     [4:6)  the application's kind, u16 BE
 *     [6:8)  flags, u16 BE: bits 1–0 duplicate handling, 3–2 audience, 4 printable, 15–5 reserved
 *
 * Source: Mosaic specification 0.8.0, "Kind" and "Kinds".
 */
import {
  equalAt,
  hexDecode,
  hexEncode,
  readU16BE,
  readU32BE,
  writeU16BE,
  writeU32BE,
} from './bytes.ts';
import { invalid, MosaicError } from './error.ts';

/** 8 bytes. */
export type Kind = Uint8Array;

/** Bytes of a kind. */
export const KIND_BYTES = 8;

/** What a server does with records that share an address. */
export type DuplicateHandling = 'unique' | 'ephemeral' | 'replaceable' | 'versioned';
/** Who may read a record. */
export type Audience = 'author-only' | 'author-and-tagged' | 'everybody';

const DUPLICATE_HANDLING: readonly DuplicateHandling[] = [
  'unique',
  'ephemeral',
  'replaceable',
  'versioned',
];
const AUDIENCE: readonly (Audience | undefined)[] = [
  'author-only',
  'author-and-tagged',
  undefined,
  'everybody',
];

/** A kind's parts. */
export interface KindFields {
  /** u32. */
  readonly applicationId: number;
  /** u16. */
  readonly applicationKind: number;
  readonly duplicateHandling: DuplicateHandling;
  readonly audience: Audience;
  readonly printable: boolean;
}

/** Why the kind at `at` is invalid; undefined where it is fine. */
export function kindFaultAt(bytes: Uint8Array, at: number): string | undefined {
  const low = bytes[at + 7]!;
  if (bytes[at + 6] !== 0 || (low & 0xe0) !== 0) return 'reserved flag bits of the kind are set';
  return (low & 0x0c) === 0x08 ? 'the kind has the reserved audience 10' : undefined;
}

/** Duplicate handling of the kind at `at`. */
export function duplicateHandlingAt(bytes: Uint8Array, at: number): DuplicateHandling {
  return DUPLICATE_HANDLING[bytes[at + 7]! & 3]!;
}

/** Audience of the kind at `at`; the reserved value, which no valid kind has, reads as nobody. */
export function audienceAt(bytes: Uint8Array, at: number): Audience {
  return AUDIENCE[(bytes[at + 7]! >> 2) & 3] ?? 'author-only';
}

/**
 * Reads the parts of a kind.
 *
 * @throws MosaicError `invalid` with code `kind`
 */
export function decodeKind(bytes: Kind): KindFields {
  if (bytes.length !== KIND_BYTES) throw invalid('kind', 'a kind has 8 bytes', 0, bytes.length);
  const fault = kindFaultAt(bytes, 0);
  if (fault !== undefined) throw invalid('kind', fault, 6, 8);
  return {
    applicationId: readU32BE(bytes, 0),
    applicationKind: readU16BE(bytes, 4),
    duplicateHandling: duplicateHandlingAt(bytes, 0),
    audience: audienceAt(bytes, 0),
    printable: (bytes[7]! & 0x10) !== 0,
  };
}

/**
 * The 8 bytes of a kind.
 *
 * @throws MosaicError `invalid` with code `kind` where a number does not fit
 */
export function encodeKind(fields: KindFields): Kind {
  const { applicationId, applicationKind } = fields;
  if (!Number.isInteger(applicationId) || applicationId < 0 || applicationId > 0xffff_ffff) {
    throw new MosaicError('invalid', 'kind', 'the application id must be a u32');
  }
  if (!Number.isInteger(applicationKind) || applicationKind < 0 || applicationKind > 0xffff) {
    throw new MosaicError('invalid', 'kind', 'the application kind must be a u16');
  }
  const bytes = new Uint8Array(KIND_BYTES);
  writeU32BE(bytes, 0, applicationId);
  writeU16BE(bytes, 4, applicationKind);
  bytes[7] =
    DUPLICATE_HANDLING.indexOf(fields.duplicateHandling) |
    (AUDIENCE.indexOf(fields.audience) << 2) |
    (fields.printable ? 0x10 : 0);
  return bytes;
}

/** The names of the kinds that the specification registers. */
export type KnownKindName =
  | 'key-schedule'
  | 'profile'
  | 'microblog-root'
  | 'reply-comment'
  | 'blog-post'
  | 'chat-message';

const KEY_SCHEDULE: Kind = hexDecode('000000000001000e');
const PROFILE: Kind = hexDecode('000000000002000e');

/** The kinds that the specification registers, by name. Each reading gives a new array. */
export const KNOWN_KINDS: Readonly<Record<KnownKindName, Kind>> = Object.freeze({
  get 'key-schedule'() {
    return KEY_SCHEDULE.slice();
  },
  get profile() {
    return PROFILE.slice();
  },
  get 'microblog-root'() {
    return hexDecode('000000010001001c');
  },
  get 'reply-comment'() {
    return hexDecode('000000010002001c');
  },
  get 'blog-post'() {
    return hexDecode('000000010003001c');
  },
  get 'chat-message'() {
    return hexDecode('000000010004001c');
  },
});

const KIND_NAMES: ReadonlyMap<string, KnownKindName> = new Map(
  Object.entries(KNOWN_KINDS).map(([name, kind]) => [hexEncode(kind), name as KnownKindName]),
);

/** The registered name of a kind; undefined where it has none. */
export function kindName(kind: Kind): KnownKindName | undefined {
  return KIND_NAMES.get(hexEncode(kind));
}

/** Whether the kind at `at` is the key schedule's. */
export function isKeyScheduleKindAt(bytes: Uint8Array, at: number): boolean {
  return equalAt(bytes, at, KEY_SCHEDULE, 0, KIND_BYTES);
}

/** Whether the kind at `at` is the profile's. */
export function isProfileKindAt(bytes: Uint8Array, at: number): boolean {
  return equalAt(bytes, at, PROFILE, 0, KIND_BYTES);
}
