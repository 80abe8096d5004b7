/** Narrows a filter to what this server received in some span of time. */
import {
  encodeTimestamp,
  FILTER_BYTES_MAX,
  FILTER_ELEMENT,
  FILTER_HEAD_BYTES,
  type FilterView,
  parseFilter,
  readTimestamp,
  type Timestamp,
  writeU16,
} from '@mosaic-cluster/protocol';

const TIMESTAMP_BYTES = 8;
const ELEMENT_BYTES = FILTER_HEAD_BYTES + TIMESTAMP_BYTES;

/** A span of time, both ends inclusive; without an end it lasts. */
export interface ReceivedSpan {
  readonly since: Timestamp;
  readonly until?: Timestamp | undefined;
}

/** A span of time that is over, or will be. */
export interface EndedSpan extends ReceivedSpan {
  readonly until: Timestamp;
}

/**
 * The same filter, for records received within a span.
 *
 * @returns undefined where it leaves no room for it: whoever asks has to look at the times himself
 */
export function receivedWithin(
  filter: FilterView,
  { since, until }: ReceivedSpan,
): FilterView | undefined {
  const ownSince = ownBound(filter, 'receivedSince');
  const ownUntil = ownBound(filter, 'receivedUntil');
  const elements: Uint8Array[] = [];
  if (ownSince === undefined || ownSince < since) {
    elements.push(elementOf(FILTER_ELEMENT.receivedSince, since));
  }
  if (until !== undefined && (ownUntil === undefined || ownUntil > until)) {
    elements.push(elementOf(FILTER_ELEMENT.receivedUntil, until));
  }
  if (elements.length === 0) return filter;
  const { bytes } = filter;
  const addedBytes = ELEMENT_BYTES * elements.length;
  if (bytes.length + addedBytes > FILTER_BYTES_MAX) return undefined;
  const narrowed = new Uint8Array(bytes.length + addedBytes);
  narrowed.set(bytes.subarray(0, FILTER_HEAD_BYTES));
  writeU16(narrowed, 0, narrowed.length);
  // In front: the first of its kind is the one that counts.
  elements.forEach((element, i) => narrowed.set(element, FILTER_HEAD_BYTES + i * ELEMENT_BYTES));
  narrowed.set(bytes.subarray(FILTER_HEAD_BYTES), FILTER_HEAD_BYTES + addedBytes);
  return parseFilter(narrowed);
}

function ownBound(
  filter: FilterView,
  name: 'receivedSince' | 'receivedUntil',
): Timestamp | undefined {
  const own = filter.element(name);
  return own && readTimestamp(own.source, own.start);
}

function elementOf(type: number, timestamp: Timestamp): Uint8Array {
  const element = new Uint8Array(ELEMENT_BYTES);
  element[0] = type;
  element[1] = ELEMENT_BYTES / 8;
  element.set(encodeTimestamp(timestamp), FILTER_HEAD_BYTES);
  return element;
}
