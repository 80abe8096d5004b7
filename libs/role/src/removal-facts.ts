/**
 * The facts by which records are removed and put back, byte by byte. Of one removed record there are
 *
 *     removed-records   by ID: [format 1: 1] [bytes of the name 1] [name] [reason], or
 *                       [format 2: 1] [bytes of the name 1] [name] [bytes of the reason 2 BE] [reason]
 *                       and where it lay: [bytes of the role 1] [role] [bytes of the location 1] [location]
 *     removed-versions  by role, a colon, and address, where it was replaceable: [format 1: 1] [ID 48]
 *
 * and, from when somebody puts it back until a worker of each role has,
 *
 *     restored-records  by role, a colon, and ID: [format 1: 1] [location]
 */
import {
  compareBytes,
  MosaicError,
  REFERENCE_BYTES,
  type Reference,
  referenceKind,
} from '@mosaic-cluster/protocol';
import type { Fact, FactChange, Location } from '@mosaic-cluster/store';

/** The collection of the registry that removed records are in, by record ID. */
export const REMOVED_COLLECTION = 'removed-records';
/** Addresses at which a version was removed: by role and address, the newest of those removed. */
export const REMOVED_VERSIONS_COLLECTION = 'removed-versions';
/** Records that workers have to put back, by role and record ID. */
export const RESTORED_COLLECTION = 'restored-records';
/** Most bytes of the name of whoever removed a record, in UTF-8. */
export const REMOVED_BY_BYTES_MAX = 255;
/** Most bytes of the reason, in UTF-8. */
export const REMOVED_REASON_BYTES_MAX = 1024;

/** Where a role has, or had, a record. */
export interface RecordPlace {
  readonly role: string;
  readonly location: Location;
}

/** A record to remove. */
export interface NewRemoval {
  readonly id: Reference;
  /** Of a replaceable record: older versions stay replaced in the roles where it lies. */
  readonly address?: Reference | undefined;
  /** Where it lies, so that it can be put back without reading all segments; at most one for a role. */
  readonly places?: readonly RecordPlace[] | undefined;
}

/** Why a record is gone. */
export interface Removal {
  readonly id: Reference;
  /** Empty: not said. */
  readonly removedBy: string;
  /** Empty: not said. */
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly removedAtMs: number;
  /** Where it lay then: it may have been moved since. Empty: nobody knew. */
  readonly places: readonly RecordPlace[];
}

/** Whom and what to note with a removal, for the operator. */
export interface RemovalNote {
  readonly removedBy?: string | undefined;
  readonly reason?: string | undefined;
}

/** A record to put back in one role. */
export interface Restoration {
  readonly id: Reference;
  readonly location: Location;
}

const PLAIN = 1;
const WITH_PLACES = 2;
const FORMAT = 1;
/** There are fewer roles. */
const PLACES_MAX = 8;
const NO_PLACES: readonly RecordPlace[] = [];

/**
 * The fact of a removal.
 *
 * @throws MosaicError `invalid` (`removal`) for what is no ID, or a note that is too long
 */
export function removalFact(
  { id, places = NO_PLACES }: NewRemoval,
  { removedBy = '', reason = '' }: RemovalNote,
): FactChange {
  assertRecordId(id);
  const by = Buffer.from(removedBy);
  const text = Buffer.from(reason);
  if (by.length > REMOVED_BY_BYTES_MAX || text.length > REMOVED_REASON_BYTES_MAX) {
    throw removalFault(
      `the reason of a removal has at most ${REMOVED_REASON_BYTES_MAX} bytes, and the name of whoever removes ${REMOVED_BY_BYTES_MAX}`,
    );
  }
  const change = (value: Uint8Array): FactChange => {
    return { collection: REMOVED_COLLECTION, key: id, value };
  };
  if (places.length === 0) {
    return change(Buffer.concat([Buffer.of(PLAIN, by.length), by, text]));
  }
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  const where = places.slice(0, PLACES_MAX).flatMap(({ role, location }) => {
    return [Buffer.of(role.length), Buffer.from(role), Buffer.of(location.length), location];
  });
  return change(Buffer.concat([Buffer.of(WITH_PLACES, by.length), by, length, text, ...where]));
}

/** What a fact of a removal says. What a newer version wrote in another way: removed all the same. */
export function decodeRemoval({ key, value, changedAtMs }: Fact): Removal {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const [format = 0, nameBytes = 0] = bytes;
  const nameEnd = 2 + nameBytes;
  const read = (removedBy: string, reason: string, places: readonly RecordPlace[]): Removal => {
    return { id: key, removedBy, reason, removedAtMs: changedAtMs, places };
  };
  if (format === PLAIN) {
    return read(bytes.toString('utf8', 2, nameEnd), bytes.toString('utf8', nameEnd), NO_PLACES);
  }
  if (format !== WITH_PLACES || bytes.length < nameEnd + 2) return read('', '', NO_PLACES);
  const reasonEnd = nameEnd + 2 + bytes.readUInt16BE(nameEnd);
  const places: RecordPlace[] = [];
  for (let at = reasonEnd; at < bytes.length; ) {
    const roleEnd = at + 1 + bytes[at]!;
    const end = roleEnd + 1 + (bytes[roleEnd] ?? 0);
    if (end > bytes.length) break;
    const location = Uint8Array.from(bytes.subarray(roleEnd + 1, end));
    places.push({ role: bytes.toString('latin1', at + 1, roleEnd), location });
    at = end;
  }
  const by = bytes.toString('utf8', 2, nameEnd);
  return read(by, bytes.toString('utf8', nameEnd + 2, reasonEnd), places);
}

/** What says that a version was removed at an address is under this key. */
export function removedVersionKey(role: string, address: Reference): Uint8Array {
  return inRole(role, address);
}

/** The fact that a version was removed. */
export function removedVersionFact(role: string, address: Reference, id: Reference): FactChange {
  const value = Buffer.concat([Buffer.of(FORMAT), id]);
  const key = removedVersionKey(role, address);
  return { collection: REMOVED_VERSIONS_COLLECTION, key, value };
}

/** Whether a fact says that a newer version than this record was removed at its address. */
export function isOlderThanRemoved(id: Reference, { value }: Fact): boolean {
  const isKnown = value[0] === FORMAT && value.length === 1 + REFERENCE_BYTES;
  return isKnown && compareBytes(id, value.subarray(1)) < 0;
}

/** The fact that a role is to put a record back. */
export function restorationFact({ role, location }: RecordPlace, id: Reference): FactChange {
  const value = Buffer.concat([Buffer.of(FORMAT), location]);
  return { collection: RESTORED_COLLECTION, key: inRole(role, id), value };
}

/** The change after which a role has nothing to put back any more. */
export function restorationDone(role: string, id: Reference): FactChange {
  return { collection: RESTORED_COLLECTION, key: inRole(role, id), value: undefined };
}

/** What stands before the references of a role. */
export function rolePrefix(role: string): Buffer {
  return Buffer.from(`${role}:`);
}

/** What a role is to put back; undefined: the fact is another role's, or says something newer. */
export function decodeRestoration(
  role: string,
  { key, value }: Pick<Fact, 'key' | 'value'>,
): Restoration | undefined {
  const prefix = rolePrefix(role);
  if (value[0] !== FORMAT || key.length !== prefix.length + REFERENCE_BYTES) return undefined;
  if (!prefix.equals(key.subarray(0, prefix.length))) return undefined;
  return { id: Uint8Array.from(key.subarray(prefix.length)), location: value.slice(1) };
}

/** @throws MosaicError `invalid` (`removal`) */
export function assertRecordId(id: Reference): void {
  if (id.length === REFERENCE_BYTES && referenceKind(id) === 'id') return;
  throw removalFault('records are removed by their IDs of 48 bytes, not by addresses');
}

function inRole(role: string, reference: Reference): Buffer {
  return Buffer.concat([rolePrefix(role), reference]);
}

function removalFault(message: string): MosaicError {
  return new MosaicError('invalid', 'removal', message);
}
