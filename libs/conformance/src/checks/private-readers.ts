/** How checks see that somebody reads a private record, or learns nothing of it. */
import {
  buildFilter,
  coreTag,
  equalBytes,
  type PublicKey,
  type RecordView,
  type TagInput,
} from '@mosaic-cluster/protocol';
import { ensure } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import type { Conversation } from '../conversation.ts';
import { expectRecords, expectResult, newestFirst } from '../expect.ts';

/** The Notify tag of a key. */
export function notify(key: PublicKey): TagInput {
  return coreTag({ name: 'notify', key });
}

/** Expects somebody to read these records by ID, address, Query and Subscribe. */
export async function expectReads(
  t: CheckContext,
  reader: Conversation,
  records: readonly RecordView[],
  who: string,
): Promise<void> {
  for (const record of records) {
    expectRecords((await reader.get(record.id)).records, [record], `${who}: Get by ID`);
    expectRecords((await reader.get(record.address)).records, [record], `${who}: Get by address`);
  }
  const expected = newestFirst(records);
  expectRecords((await reader.query(t.filter())).records, expected, `${who}: Query`);
  expectRecords((await reader.subscribe(t.filter())).stored, expected, `${who}: Subscribe`);
}

/** Expects somebody to see nothing of a record, in whatever way it is asked for. */
export async function expectBlind(
  t: CheckContext,
  reader: Conversation,
  record: RecordView,
  who: string,
): Promise<void> {
  for (const reference of [record.id, record.address]) {
    const { records, result } = await reader.get(reference);
    expectRecords(records, [], `${who}: Get`);
    expectResult(result, 'NOT_FOUND', `${who}: Get`);
  }
  const ways = [
    t.filter(),
    t.filter({ name: 'authors', keys: [record.author] }, { name: 'kinds', kinds: [record.kind] }),
    t.filter({ name: 'timestamps', timestamps: [record.timestamp] }),
    t.filter({ name: 'signingKeys', keys: [record.signingKey] }),
  ];
  for (const [i, filter] of ways.entries()) {
    const { records, result } = await reader.query(filter);
    expectRecords(records, [], `${who}: Query ${i}`);
    expectResult(result, 'SUCCESS', `${who}: Query ${i}`);
  }
  // Without this run's tag: what else the author has published may come, this record may not.
  const alone = buildFilter([{ name: 'authors', keys: [record.author] }]).bytes;
  const { records } = await reader.query(alone);
  const isLeaked = records.some(({ id }) => equalBytes(id, record.id));
  ensure(!isLeaked, `${who}: a Query by author alone gives the record`);
  expectRecords((await reader.subscribe(t.filter())).stored, [], `${who}: Subscribe`);
}
