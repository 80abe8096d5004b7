/** What the checks of filters share: filters, tags, and what must come for them. */
import {
  buildFilter,
  type FilterElementInput,
  type RecordView,
  type TagInput,
} from '@mosaic-cluster/protocol';
import type { Conversation } from '../conversation.ts';
import { expectRecords, expectResult, newestFirst } from '../expect.ts';

/** Expects exactly these records for a filter, newest first, and SUCCESS. */
export async function expectMatches(
  conversation: Conversation,
  filter: Uint8Array,
  expected: readonly RecordView[],
  what: string,
): Promise<void> {
  const { records, result } = await conversation.query(filter);
  expectRecords(records, newestFirst(expected), what);
  expectResult(result, 'SUCCESS', what);
}

/** A filter of these elements alone. */
export function bare(...elements: readonly FilterElementInput[]): Uint8Array {
  return buildFilter(elements).bytes;
}

/** Author Keys. */
export function ofAuthors(...keys: readonly Uint8Array[]): FilterElementInput {
  return { name: 'authors', keys };
}

/** Included Tags. */
export function tagged(...tags: readonly TagInput[]): FilterElementInput {
  return { name: 'includedTags', tags };
}

/** A tag. */
export const ONE: TagInput = { type: 0x6310, value: Uint8Array.of(1, 2, 3, 4) };
/** Of the same type, with a longer value. */
export const TWO: TagInput = { type: 0x6310, value: Uint8Array.of(1, 2, 3, 4, 5) };
/** Of another type, with the same value. */
export const OTHER_TYPE: TagInput = { type: 0x6311, value: Uint8Array.of(1, 2, 3, 4) };
