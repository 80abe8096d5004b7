/**
 * Profiles: who a user says they are, a CBOR map in the payload of a record that the master key
 * itself signs.
 *
 * Source: Mosaic specification 0.8.0, "Profile"; RFC 8949.
 */
import { decode, encode } from 'cbor2';
import { MosaicError } from './error.ts';
import type { RecordView } from './record.ts';

/** The fields with a meaning. Others may stand in the map and are skipped. */
export interface Profile {
  readonly name: string;
  readonly display_name?: string;
  readonly about?: string;
  /** WebP image. */
  readonly avatar?: Uint8Array;
  readonly website?: string;
  /** WebP image. */
  readonly banner?: Uint8Array;
  readonly org?: boolean;
  readonly bot?: boolean;
  readonly lud16?: string;
}

/** Deepest nesting that is read, in fields without a meaning too. */
const DEPTH_MAX = 64;

const FIELD_TYPES: Readonly<Record<keyof Profile, 'text' | 'bytes' | 'boolean'>> = {
  name: 'text',
  display_name: 'text',
  about: 'text',
  avatar: 'bytes',
  website: 'text',
  banner: 'bytes',
  org: 'boolean',
  bot: 'boolean',
  lud16: 'text',
};

function hasType(value: unknown, type: 'text' | 'bytes' | 'boolean'): boolean {
  if (type === 'text') return typeof value === 'string';
  return type === 'bytes' ? value instanceof Uint8Array : typeof value === 'boolean';
}

/**
 * Reads the CBOR payload of a profile.
 *
 * @returns the fields with a meaning that are there; images are views over `payload`
 * @throws MosaicError `invalid` with code `profile`: no CBOR map with text keys, a key twice, no
 *   name, a field of another type, nesting deeper than 64
 */
export function decodeProfile(payload: Uint8Array): Profile {
  const fields: Record<string, unknown> = {};
  const seen = new Set<string>();
  for (const [key, value] of decodePairs(payload).list) {
    if (typeof key !== 'string') throw fault('a map key is no text');
    if (seen.has(key)) throw fault('a map key stands twice');
    seen.add(key);
    if (!Object.hasOwn(FIELD_TYPES, key)) continue;
    const type = FIELD_TYPES[key as keyof Profile];
    if (!hasType(value, type)) throw fault(`the field "${key}" is no ${type}`);
    fields[key] = value;
  }
  const { name, ...others } = fields;
  if (typeof name !== 'string') throw fault('the field "name" is missing');
  return { name, ...others };
}

/** A decoded map before it could hide a key that it holds twice. */
class Pairs {
  readonly list: readonly (readonly [unknown, unknown, ...unknown[]])[];

  constructor(list: readonly (readonly [unknown, unknown, ...unknown[]])[]) {
    this.list = list;
  }
}

/** No tag is interpreted: what a field of another meaning holds must not make the rest invalid. */
const DECODE_OPTIONS = {
  createObject: (pairs: readonly (readonly [unknown, unknown, ...unknown[]])[]): Pairs =>
    new Pairs(pairs),
  ignoreGlobalTags: true,
  maxDepth: DEPTH_MAX,
} as const;

function decodePairs(payload: Uint8Array): Pairs {
  let value: unknown;
  try {
    value = decode(payload, DECODE_OPTIONS);
  } catch (cause) {
    throw new MosaicError('invalid', 'profile', 'profile: the payload is no CBOR', { cause });
  }
  if (!(value instanceof Pairs)) throw fault('the payload is no map');
  return value;
}

/** The CBOR payload of a profile; fields that are undefined are left out. */
export function encodeProfile(profile: Profile): Uint8Array {
  const present = Object.entries(profile).filter(([, value]) => value !== undefined);
  return encode(new Map(present));
}

/**
 * Reads the profile of a record that was validated as a record.
 *
 * @throws MosaicError `invalid` with code `profile`
 */
export function parseProfile(record: RecordView): Profile {
  if (!record.isProfile) throw fault('the kind is not Profile');
  if (!record.signedByAuthor) throw fault('it is not signed by the master key itself');
  return decodeProfile(record.payload);
}

function fault(message: string): MosaicError {
  return new MosaicError('invalid', 'profile', `profile: ${message}`);
}
