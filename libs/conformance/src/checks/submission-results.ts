/** Checks of what a submission is answered with, and to whom the answer is addressed. */
import { concatBytes, type RecordView } from '@mosaic-cluster/protocol';
import { type Check, check, ensure, reading, spec } from '../check.ts';
import { expectRecords, expectResult, expectSameSet } from '../expect.ts';
import { submissionMessage } from '../wire/requests.ts';

const RESULT_RULE = spec('Messages: Submission Result');
const READING = reading('Messages: Submission Result');

/** Checks of Submission Result. */
export const resultChecks: readonly Check[] = [
  check(
    'submission/accepted',
    RESULT_RULE,
    'a valid record is ACCEPTED, and at once servable',
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.user());
      expectResult(await conversation.submit(record), 'ACCEPTED', 'the record');
      expectRecords((await conversation.get(record.id)).records, [record], 'the Get');
      expectRecords((await conversation.query(t.filter())).records, [record], 'the Query');
      const other = await t.connect();
      expectRecords(
        (await other.query(t.filter())).records,
        [record],
        'the Query of somebody else',
      );
    },
  ),
  check(
    'submission/duplicate',
    RESULT_RULE,
    'a record already held is DUPLICATE, whoever sends it',
    async (t) => {
      const record = t.record(t.user());
      const conversation = await t.connect();
      await t.publish(conversation, record);
      expectResult(await conversation.submit(record), 'DUPLICATE', 'the same record again');
      const other = await t.connect();
      expectResult(await other.submit(record), 'DUPLICATE', 'the same record from somebody else');
      expectRecords((await other.query(t.filter())).records, [record], 'the Query');
    },
  ),
  check(
    'submission/pipelined',
    spec('Messages: Asynchronous'),
    'records sent without waiting are each answered once, by their ID prefix',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(32, t.user());
      for (const { bytes } of records) conversation.send(submissionMessage(bytes));
      for (const { id } of records) {
        expectResult(
          await conversation.submissionResult(id.subarray(0, 32)),
          'ACCEPTED',
          'a record',
        );
      }
      expectSameSet((await conversation.query(t.filter())).records, records, 'the Query');
    },
  ),
  check(
    'submission/pipelined-mixed',
    RESULT_RULE,
    'good and bad records sent together get each their own result',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      const held = t.record(author);
      await t.publish(conversation, held);
      const good = t.records(6, author);
      const bad = t.records(6, author).map(({ bytes }) => {
        const copy = bytes.slice();
        copy[copy.length - 1]! ^= 1;
        return copy;
      });
      for (const [i, { bytes }] of good.entries()) {
        conversation.send(submissionMessage(bytes));
        conversation.send(submissionMessage(bad[i]!));
      }
      conversation.send(submissionMessage(held.bytes));
      const resultOf = async (bytes: Uint8Array): Promise<number> =>
        conversation.submissionResult(bytes.subarray(0, 32));
      for (const { bytes } of good)
        expectResult(await resultOf(bytes), 'ACCEPTED', 'a good record');
      for (const bytes of bad) expectResult(await resultOf(bytes), 'INVALID', 'a bad record');
      expectResult(await resultOf(held.bytes), 'DUPLICATE', 'a record already held');
    },
  ),
  check(
    'submission/pipelined-twice',
    READING,
    'a record sent twice without waiting is answered twice and held once',
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.user());
      for (let i = 0; i < 2; i++) conversation.send(submissionMessage(record.bytes));
      const prefix = record.id.subarray(0, 32);
      const first = await conversation.submissionResult(prefix);
      const second = await conversation.submissionResult(prefix);
      const what = 'a record sent twice';
      expectResult(first, ['ACCEPTED', 'DUPLICATE'], what);
      expectResult(second, ['ACCEPTED', 'DUPLICATE'], what);
      ensure(first !== second || first === 2, 'neither of the two was ACCEPTED');
      expectRecords((await conversation.query(t.filter())).records, [record], 'the Query');
    },
  ),
  check(
    'submission/two-connections',
    READING,
    'a record sent by two at the same time is held once',
    async (t) => {
      const [one, two] = [await t.connect(), await t.connect()];
      const record = t.record(t.user());
      const results = await Promise.all([one.submit(record), two.submit(record)]);
      for (const result of results) expectResult(result, ['ACCEPTED', 'DUPLICATE'], 'the record');
      expectRecords((await one.query(t.filter())).records, [record], 'the Query');
    },
  ),
  check(
    'submission/result-of-unreadable',
    READING,
    'the result of bytes that are no record is addressed to their first 32 bytes',
    async (t) => {
      const conversation = await t.connect();
      const bytes = crypto.getRandomValues(new Uint8Array(200));
      expectResult(await conversation.submit(bytes), 'INVALID', '200 random bytes');
    },
  ),
  check(
    'submission/opaque',
    spec('Record'),
    'records come back with the very bytes that were sent, whatever they hold',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      const payloads = [0, 1, 7, 8, 9, 1000, 65_536].map((length) =>
        concatBytes(new Uint8Array(length)).map((_, i) => (i * 31) & 0xff),
      );
      const records: RecordView[] = payloads.map((payload) => t.record(author, { payload }));
      await t.publish(conversation, ...records);
      expectSameSet((await conversation.query(t.filter())).records, records, 'the Query');
    },
  ),
  check(
    'submission/any-kind',
    spec('Kind'),
    'kinds that nobody registered are accepted',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      for (const applicationKind of [0, 1, 0xffff]) {
        await t.publish(
          conversation,
          t.record(author, { kind: t.kind('unique', 'everybody', applicationKind) }),
        );
      }
    },
  ),
];
