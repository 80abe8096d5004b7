/**
 * References: 48 bytes that name one record (an ID, first bit 0) or all records that share an
 * address (first bit 1).
 *
 *     ID       [0:8) timestamp  [8:48) first 40 bytes of the record's H64
 *     address  [0:8) nonce      [8:16) kind     [16:48) author
 *
 * Source: Mosaic specification 0.8.0, "Reference".
 */
import { invalid } from './error.ts';

/** 48 bytes: an ID or an address. */
export type Reference = Uint8Array;

/** Bytes of a reference. */
export const REFERENCE_BYTES = 48;

/** What a reference names. */
export type ReferenceKind = 'id' | 'address';

/** What the reference at `at` names, by its first bit. */
export function referenceKindAt(bytes: Uint8Array, at: number): ReferenceKind {
  return bytes[at]! < 0x80 ? 'id' : 'address';
}

/** What `reference` names, by its first bit. */
export function referenceKind(reference: Reference): ReferenceKind {
  return referenceKindAt(reference, 0);
}

/**
 * Returns `bytes` where they have the length of a reference.
 *
 * @throws MosaicError `invalid` with code `reference`
 */
export function asReference(bytes: Uint8Array): Reference {
  if (bytes.length === REFERENCE_BYTES) return bytes;
  throw invalid('reference', 'a reference has 48 bytes', 0, bytes.length);
}
