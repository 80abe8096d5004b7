/** Walks over what waits for a moderator. */
import { usageError } from '@mosaic-cluster/client/command';
import { encodeReference, type PublicKey, type Reference } from '@mosaic-cluster/protocol';
import type { ModeratedRecord, Moderator } from '@mosaic-cluster/role';
import { POSITION_BYTES } from '@mosaic-cluster/store';
import type { Listed } from '../change/read-list.ts';

/** Which of the records that wait. */
export interface HeldFilter {
  readonly author?: PublicKey | undefined;
  readonly recipient?: PublicKey | undefined;
}

/** Most records that one command decides on by a filter. */
export const DECIDED_MAX = 100_000;
const PAGE_RECORDS = 500;

/** The records that wait, newest first. @param after only those behind this one, in that order */
export async function* heldRecords(
  moderator: Moderator,
  filter: HeldFilter,
  after?: Reference,
): AsyncGenerator<ModeratedRecord, void, undefined> {
  let below = after?.subarray(0, POSITION_BYTES);
  do {
    const { records, next } = await moderator.held({ ...filter, below, limit: PAGE_RECORDS });
    yield* records;
    below = next;
  } while (below !== undefined);
}

/** The first of them. */
export async function firstHeld(
  moderator: Moderator,
  filter: HeldFilter,
  limit: number,
  after?: Reference,
): Promise<{ readonly records: readonly ModeratedRecord[]; readonly hasMore: boolean }> {
  const records: ModeratedRecord[] = [];
  for await (const record of heldRecords(moderator, filter, after)) {
    if (records.length === limit) return { records, hasMore: true };
    records.push(record);
  }
  return { records, hasMore: false };
}

/**
 * All that a filter finds, to be decided on.
 *
 * @param isMeant whether the operator has said that all of them are meant
 * @throws MosaicError `invalid` (`usage`) with their number where that is not so
 */
export async function allHeld(
  moderator: Moderator,
  filter: HeldFilter,
  isMeant: boolean,
): Promise<Listed<Reference>[]> {
  const found: Listed<Reference>[] = [];
  let isAll = true;
  for await (const { record } of heldRecords(moderator, filter)) {
    isAll = found.length < DECIDED_MAX;
    if (!isAll) break;
    const value = Uint8Array.from(record.id);
    found.push({ value, shown: encodeReference(value), remark: undefined });
  }
  if (isMeant || found.length === 0) return found;
  const number = `${isAll ? '' : 'more than '}${found.length.toLocaleString('en-US')}`;
  const remedy = `Look at them with "moderation list", then add --yes; up to ${DECIDED_MAX.toLocaleString('en-US')} are decided on at once.`;
  throw usageError('--author, --recipient', `this is about ${number} held records`, remedy);
}
