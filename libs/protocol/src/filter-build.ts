/**
 * Making filters.
 *
 * Source: Mosaic specification 0.8.0, "Filter".
 */
import { concatBytes, pad8, writeU16 } from './bytes.ts';
import { MosaicError } from './error.ts';
import {
  ELEMENT_DATA_BYTES_MAX,
  FILTER_BYTES_MAX,
  FILTER_ELEMENT,
  FILTER_HEAD_BYTES,
  type FilterElementName,
  type FilterView,
  parseFilter,
} from './filter.ts';
import { encodeTags, type TagInput } from './tag.ts';
import { encodeTimestamp, type Timestamp } from './timestamp.ts';

/** An element to write. */
export type FilterElementInput =
  | { readonly name: 'authors' | 'signingKeys'; readonly keys: readonly Uint8Array[] }
  | { readonly name: 'kinds'; readonly kinds: readonly Uint8Array[] }
  | { readonly name: 'timestamps'; readonly timestamps: readonly Timestamp[] }
  | { readonly name: 'includedTags' | 'excludedTags'; readonly tags: readonly TagInput[] }
  | {
      readonly name: 'since' | 'until' | 'receivedSince' | 'receivedUntil';
      readonly timestamp: Timestamp;
    }
  | { readonly name: 'exclude'; readonly idPrefixes: readonly Uint8Array[] };

function elementData(element: FilterElementInput): Uint8Array {
  switch (element.name) {
    case 'authors':
    case 'signingKeys':
      return entries(element.name, element.keys, 32);
    case 'kinds':
      return entries(element.name, element.kinds, 8);
    case 'timestamps':
      return concatBytes(...element.timestamps.map((timestamp) => encodeTimestamp(timestamp)));
    case 'includedTags':
    case 'excludedTags':
      return encodeTags(element.tags);
    case 'exclude':
      return entries(element.name, element.idPrefixes, 32);
    case 'since':
    case 'until':
    case 'receivedSince':
    case 'receivedUntil':
      return encodeTimestamp(element.timestamp);
    default:
      throw new MosaicError('invalid', 'filter', 'no such filter element');
  }
}

function entries(
  name: FilterElementName,
  parts: readonly Uint8Array[],
  entryBytes: number,
): Uint8Array {
  for (const part of parts) {
    if (part.length !== entryBytes) {
      throw new MosaicError('invalid', 'filter', `${name}: each entry has ${entryBytes} bytes`);
    }
  }
  return concatBytes(...parts);
}

/**
 * Builds a filter; elements stand in the order given.
 *
 * @throws MosaicError `invalid` with code `filter`, `tags` or `timestamp` for what does not fit:
 *   an element holds at most 2,032 bytes of data, a filter 65,528 bytes in all
 */
export function buildFilter(elements: readonly FilterElementInput[]): FilterView {
  const parts: Uint8Array[] = [new Uint8Array(FILTER_HEAD_BYTES)];
  for (const element of elements) {
    const data = elementData(element);
    const padded = pad8(data.length);
    if (padded > ELEMENT_DATA_BYTES_MAX) {
      throw new MosaicError(
        'invalid',
        'filter',
        `${element.name}: ${data.length} bytes of data, at most ${ELEMENT_DATA_BYTES_MAX} fit`,
      );
    }
    const part = new Uint8Array(FILTER_HEAD_BYTES + padded);
    part[0] = FILTER_ELEMENT[element.name];
    part[1] = part.length / 8;
    part.set(data, FILTER_HEAD_BYTES);
    parts.push(part);
  }
  const bytes = concatBytes(...parts);
  if (bytes.length > FILTER_BYTES_MAX) {
    throw new MosaicError(
      'invalid',
      'filter',
      `a filter has at most ${FILTER_BYTES_MAX} bytes, not ${bytes.length}`,
    );
  }
  writeU16(bytes, 0, bytes.length);
  return parseFilter(bytes);
}
