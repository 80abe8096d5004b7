/** Whom a record speaks to: the people in its Notify tags and the authors of what it replies to. */
import {
  KEY_TAG_BYTES,
  type PublicKey,
  type RecordView,
  type Reference,
  REFERENCE_TAG_BYTES,
  referenceKind,
  TAG_TYPE,
} from '@mosaic-cluster/protocol';

/**
 * The keys in a record's Notify tags: views over the record. Whether they are keys at all is not
 * checked, for that costs a square root each; nobody can prove a key that is none.
 */
export function notifiedKeys(record: RecordView): PublicKey[] {
  const keys: PublicKey[] = [];
  for (const tag of record.tags()) {
    if (tag.type === TAG_TYPE.notify && tag.length === KEY_TAG_BYTES) {
      keys.push(tag.bytes.subarray(8));
    }
  }
  return keys;
}

/** The references in a record's Reply tags: views over the record. */
export function repliedReferences(record: RecordView): Reference[] {
  const references: Reference[] = [];
  for (const tag of record.tags()) {
    if (tag.type === TAG_TYPE.reply && tag.length === REFERENCE_TAG_BYTES) {
      references.push(tag.bytes.subarray(16));
    }
  }
  return references;
}

/** The author that an address names: a view; undefined for an ID. */
export function addressAuthor(reference: Reference): PublicKey | undefined {
  return referenceKind(reference) === 'address' ? reference.subarray(16) : undefined;
}
