/**
 * A filter with other limits in time, everything else as it was: how a query goes on from where it
 * was interrupted.
 */
import {
  buildFilter,
  concatBytes,
  FILTER_BYTES_MAX,
  FILTER_HEAD_BYTES,
  type FilterElementInput,
  type FilterElementView,
  type FilterView,
  parseFilter,
  readTimestamp,
  type Timestamp,
  writeU16,
} from '@mosaic-cluster/protocol';

/** Limits to add; each narrows a limit of the same name that the filter may already have. */
export interface FilterBounds {
  readonly until?: Timestamp | undefined;
  readonly receivedSince?: Timestamp | undefined;
  readonly receivedUntil?: Timestamp | undefined;
  /** Instead: leave the limits on reception out. */
  readonly anyReception?: boolean;
}

/**
 * The filter narrowed by `bounds`.
 *
 * @returns a filter over new bytes; undefined where the limits do not fit into a filter's length
 */
export function boundFilter(filter: FilterView, bounds: FilterBounds): FilterView | undefined {
  const until = lesser(valueOf(filter, 'until'), bounds.until);
  const any = bounds.anyReception === true;
  const receivedSince = any
    ? undefined
    : greater(valueOf(filter, 'receivedSince'), bounds.receivedSince);
  const receivedUntil = any
    ? undefined
    : lesser(valueOf(filter, 'receivedUntil'), bounds.receivedUntil);
  const limits: FilterElementInput[] = [];
  if (until !== undefined) limits.push({ name: 'until', timestamp: until });
  if (receivedSince !== undefined) limits.push({ name: 'receivedSince', timestamp: receivedSince });
  if (receivedUntil !== undefined) limits.push({ name: 'receivedUntil', timestamp: receivedUntil });
  const kept = filter.effectiveElements
    .filter(({ name }) => name !== 'until' && !name.startsWith('received'))
    .map(elementBytes);
  const bytes = concatBytes(
    new Uint8Array(FILTER_HEAD_BYTES),
    ...kept,
    buildFilter(limits).bytes.subarray(FILTER_HEAD_BYTES),
  );
  if (bytes.length > FILTER_BYTES_MAX) return undefined;
  writeU16(bytes, 0, bytes.length);
  return parseFilter(bytes);
}

type LimitName = 'until' | 'receivedSince' | 'receivedUntil';

function valueOf(filter: FilterView, name: LimitName): Timestamp | undefined {
  const element = filter.element(name);
  return element && readTimestamp(element.source, element.start);
}

/** The element's own bytes, head and padding included. */
function elementBytes({ source, start }: FilterElementView): Uint8Array {
  const at = start - FILTER_HEAD_BYTES;
  return source.subarray(at, at + 8 * (source[at + 1] ?? 0));
}

function lesser(a: Timestamp | undefined, b: Timestamp | undefined): Timestamp | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a < b ? a : b;
}

function greater(a: Timestamp | undefined, b: Timestamp | undefined): Timestamp | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a > b ? a : b;
}
