/** Checks that two ways to one server, be they listeners or gateways, agree with each other. */
import { type Check, check, spec } from '../check.ts';
import type { Exchange } from '../exchange.ts';
import { expectRecords, expectResult, expectSameSet, newestFirst } from '../expect.ts';
import { submissionMessage } from '../wire/requests.ts';

const SUBSCRIBE = spec('Messages: Subscribe');
const RECORDS = 120;
const WINDOW = 16;

/** Checks over two URLs. */
export const twoUrlChecks: readonly Check[] = [
  check(
    'two-urls/stored',
    spec('Messages: Query'),
    'what one URL accepted the other serves at once',
    async (t) => {
      const [one, two] = [await t.connectSecond(), await t.connect()];
      const records = t.records(4, t.user());
      await t.publish(one, ...records);
      expectRecords((await two.query(t.filter())).records, newestFirst(records), 'the Query');
      expectRecords((await two.get(records[0]!.id)).records, [records[0]!], 'the Get');
    },
  ),
  check(
    'two-urls/duplicate',
    spec('Messages: Submission Result'),
    'what one URL accepted is DUPLICATE at the other',
    async (t) => {
      const [one, two] = [await t.connectSecond(), await t.connect()];
      const record = t.record(t.user());
      await t.publish(one, record);
      expectResult(await two.submit(record), 'DUPLICATE', 'the record');
    },
  ),
  check(
    'two-urls/replaceable',
    spec('Kind'),
    'the newest version wins, whichever URL it came by',
    async (t) => {
      const [one, two] = [await t.connectSecond(), await t.connect()];
      const nonce = Uint8Array.of(0x80, 5, 5, 5, 5, 5, 5, 5);
      const records = t.records(3, t.user(), { handling: 'replaceable', nonce });
      await t.publish(one, records[0]!, records[2]!);
      await t.publish(two, records[1]!);
      for (const conversation of [one, two]) {
        expectRecords((await conversation.query(t.filter())).records, [records[2]!], 'the Query');
      }
    },
  ),
  check('two-urls/live', SUBSCRIBE, 'live records come across, in both directions', async (t) => {
    const [one, two] = [await t.connectSecond(), await t.connect()];
    const open = [await one.subscribe(t.filter()), await two.subscribe(t.filter())] as const;
    const records = t.records(4, t.user());
    await t.publish(one, records[0]!, records[1]!);
    await t.publish(two, records[2]!, records[3]!);
    expectSameSet(await one.live(open[0], 4), records, 'the subscription at the second URL');
    expectSameSet(await two.live(open[1], 4), records, 'the subscription at the first URL');
  }),
  check(
    'two-urls/ephemeral',
    spec('Messages: Submission Result'),
    'an ephemeral record finds its consumer at the other URL',
    async (t) => {
      const [one, two] = [await t.connectSecond(), await t.connect()];
      const open = await two.subscribe(t.filter());
      const record = t.record(t.user(), { handling: 'ephemeral' });
      expectResult(await one.submit(record), 'ACCEPTED', 'the record');
      expectRecords(await two.live(open, 1), [record], 'the subscription');
    },
  ),
  check(
    'two-urls/seam',
    SUBSCRIBE,
    'a subscription at one URL misses nothing of what streams in at the other',
    async (t) => {
      const [one, two] = [await t.connectSecond(), await t.connect()];
      const records = t.records(RECORDS, t.user());
      const open = t.filter();
      let exchange: Exchange | undefined;
      for (let sent = 0; sent < RECORDS; sent += WINDOW) {
        const batch = records.slice(sent, sent + WINDOW);
        for (const { bytes } of batch) one.send(submissionMessage(bytes));
        exchange ??= two.startSubscribe(open);
        for (const { id } of batch) {
          expectResult(await one.submissionResult(id.subarray(0, 32)), 'ACCEPTED', 'a record');
        }
      }
      const came = exchange?.records ?? [];
      await two.until('all records', () => (came.length >= RECORDS ? true : undefined));
      expectSameSet(came, records, 'the subscription');
    },
  ),
];
