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
 * @returns the fields with a meaning that are there
 * @throws MosaicError `invalid` with code `profile`: no CBOR map with text keys, no name, a field
 *   of another type
 */
export function decodeProfile(payload: Uint8Array): Profile {
  const map = decodeMap(payload);
  const fields: Record<string, unknown> = {};
  for (const [key, value] of map) {
    if (typeof key !== 'string') throw fault('a map key is no text');
    if (!Object.hasOwn(FIELD_TYPES, key)) continue;
    const type = FIELD_TYPES[key as keyof Profile];
    if (!hasType(value, type)) throw fault(`the field "${key}" is no ${type}`);
    fields[key] = value;
  }
  const { name, ...others } = fields;
  if (typeof name !== 'string') throw fault('the field "name" is missing');
  return { name, ...others };
}

function decodeMap(payload: Uint8Array): Map<unknown, unknown> {
  let value: unknown;
  try {
    value = decode(payload, { preferMap: true, rejectDuplicateKeys: true, maxDepth: 16 });
  } catch (cause) {
    throw new MosaicError('invalid', 'profile', 'profile: the payload is no CBOR', { cause });
  }
  if (!(value instanceof Map)) throw fault('the payload is no map');
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
