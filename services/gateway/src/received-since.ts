/** Narrows a filter to what this server received from some time on. */
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

/**
 * The same filter, for records received at some time or later. One that leaves no room for it comes
 * back as it is: whoever asks has to look at the times himself.
 */
export function receivedSince(filter: FilterView, since: Timestamp): FilterView {
  const own = filter.element('receivedSince');
  if (own !== undefined && readTimestamp(own.source, own.start) >= since) return filter;
  const { bytes } = filter;
  if (bytes.length + ELEMENT_BYTES > FILTER_BYTES_MAX) return filter;
  const narrowed = new Uint8Array(bytes.length + ELEMENT_BYTES);
  narrowed.set(bytes.subarray(0, FILTER_HEAD_BYTES));
  writeU16(narrowed, 0, narrowed.length);
  // In front: the first of its kind is the one that counts.
  narrowed[FILTER_HEAD_BYTES] = FILTER_ELEMENT.receivedSince;
  narrowed[FILTER_HEAD_BYTES + 1] = ELEMENT_BYTES / 8;
  narrowed.set(encodeTimestamp(since), 2 * FILTER_HEAD_BYTES);
  narrowed.set(bytes.subarray(FILTER_HEAD_BYTES), FILTER_HEAD_BYTES + ELEMENT_BYTES);
  return parseFilter(narrowed);
}
