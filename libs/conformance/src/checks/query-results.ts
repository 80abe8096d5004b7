/** Checks of what a Query gives: how many, in which order, and how it ends. */
import { attestSubkey, type RecordView } from '@mosaic-cluster/protocol';
import { type Check, check, ensure, reading, spec } from '../check.ts';
import { expectRecords, expectResult, newestFirst } from '../expect.ts';
import { queryMessage, submissionMessage, unsubscribeMessage } from '../wire/requests.ts';
import { expectMatches } from './filter-matches.ts';

const QUERY = spec('Messages: Query');
const CLOSED = reading('Messages: Query Closed');
/** More than any server should want to give at once. */
const MANY = 1_100;
/** Submissions under way at a time. */
const WINDOW = 32;

/** Checks of Query. */
export const queryChecks: readonly Check[] = [
  check('query/success', CLOSED, 'a Query that ran to its end closes with SUCCESS', async (t) => {
    const conversation = await t.connect();
    await t.publish(conversation, t.record(t.user()));
    expectResult((await conversation.query(t.filter())).result, 'SUCCESS', 'the Query');
  }),
  check('query/nothing', CLOSED, 'a Query that finds nothing closes with SUCCESS', async (t) => {
    const conversation = await t.connect();
    await expectMatches(conversation, t.filter(), [], 'the Query');
  }),
  check(
    'query/order',
    QUERY,
    'records come newest first, however they were published',
    async (t) => {
      const conversation = await t.connect();
      const [one, two] = [t.user(), t.newUser()];
      const records = Array.from({ length: 12 }, (_, i) => t.record(i % 2 === 0 ? one : two));
      const order = [5, 0, 11, 3, 8, 1, 10, 2, 7, 4, 9, 6].map((place) => records[place]!);
      await t.publish(conversation, ...order);
      await expectMatches(conversation, t.filter(), records, 'the Query');
    },
  ),
  check(
    'query/order-over-authors',
    QUERY,
    'the records of several authors and kinds come as one sequence',
    async (t) => {
      const conversation = await t.connect();
      const authors = [t.newUser(), t.newUser(), t.newUser()];
      const records = Array.from({ length: 18 }, (_, i) =>
        t.record(authors[i % 3]!, { handling: i % 2 === 0 ? 'unique' : 'versioned' }),
      );
      await t.publish(conversation, ...records);
      const keys = authors.map(({ publicKey }) => publicKey);
      const kinds = [t.kind('versioned'), t.kind('unique')];
      const filter = t.filter({ name: 'authors', keys }, { name: 'kinds', kinds });
      await expectMatches(conversation, filter, records, 'the Query');
      const { records: some } = await conversation.query(filter, 7);
      expectRecords(some, newestFirst(records).slice(0, 7), 'the newest seven');
    },
  ),
  check(
    'query/order-of-equals',
    reading('Messages: Query'),
    'of one timestamp the greater ID comes first',
    async (t) => {
      const conversation = await t.connect();
      const timestamp = t.now();
      const author = t.user();
      const records = Array.from({ length: 8 }, () => t.record(author, { timestamp }));
      await t.publish(conversation, ...records);
      await expectMatches(conversation, t.filter(), records, 'the Query');
    },
  ),
  check('query/limit', QUERY, 'a limit gives the newest records, that many', async (t) => {
    const conversation = await t.connect();
    const records = t.records(6, t.user());
    await t.publish(conversation, ...records);
    for (const limit of [1, 2, 5, 6]) {
      const answer = await conversation.query(t.filter(), limit);
      expectRecords(answer.records, newestFirst(records).slice(0, limit), `limit ${limit}`);
      expectResult(answer.result, 'SUCCESS', `limit ${limit}`);
    }
  }),
  check('query/limit-beyond', QUERY, 'a limit beyond what matches is no limit', async (t) => {
    const conversation = await t.connect();
    const records = t.records(3, t.user());
    await t.publish(conversation, ...records);
    for (const limit of [4, 258, 0xffff]) {
      const answer = await conversation.query(t.filter(), limit);
      expectRecords(answer.records, newestFirst(records), `limit ${limit}`);
    }
  }),
  check(
    'query/limit-zero',
    QUERY,
    'the limit 0 stands for no limit, and a Query may give over a thousand records',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      const made = { payload: new Uint8Array(0) };
      const records: RecordView[] = [];
      for (let sent = 0; sent < MANY; ) {
        const batch = t.records(Math.min(WINDOW, MANY - sent), author, made);
        for (const { bytes } of batch) conversation.send(submissionMessage(bytes));
        for (const { id } of batch) {
          expectResult(
            await conversation.submissionResult(id.subarray(0, 32)),
            'ACCEPTED',
            'a record',
          );
        }
        records.push(...batch);
        sent += batch.length;
      }
      const expected = newestFirst(records);
      expectRecords((await conversation.query(t.filter())).records, expected, 'no limit');
      expectRecords(
        (await conversation.query(t.filter(), 777)).records,
        expected.slice(0, 777),
        'limit 777',
      );
      const paged: RecordView[] = [];
      while (paged.length < MANY) {
        const last = paged.at(-1);
        const page = await conversation.query(
          last === undefined
            ? t.filter()
            : t.filter({ name: 'until', timestamp: last.timestamp - 1n }),
          300,
        );
        if (page.records.length === 0) break;
        paged.push(...page.records);
      }
      expectRecords(paged, expected, 'page by page');
    },
  ),
  check(
    'query/large-records',
    QUERY,
    'several megabytes of records come whole and in order',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      const payload = new Uint8Array(700_000).fill(3);
      const records = t.records(6, author, { payload });
      await t.publish(conversation, ...records);
      await expectMatches(conversation, t.filter(), records, 'the Query');
    },
  ),
  check(
    'query/by-subkey',
    spec('Filter: Author Keys'),
    "a subkey's records are its author's",
    async (t) => {
      const [author, subkey] = [t.newUser(), t.stranger()];
      const conversation = await t.connect();
      const attestation = attestSubkey(subkey.secretKey, author.publicKey);
      await t.publish(conversation, t.schedule(author, [{ marker: 'activeSigning', attestation }]));
      const record = t.record(author, { signedBy: subkey });
      await t.publish(conversation, record);
      const byAuthor = t.filter({ name: 'authors', keys: [author.publicKey] });
      await expectMatches(conversation, byAuthor, [record], 'by author');
      const bySubkey = t.filter({ name: 'authors', keys: [subkey.publicKey] });
      await expectMatches(conversation, bySubkey, [], 'by subkey as author');
    },
  ),
  check(
    'query/concurrent',
    spec('Messages: Asynchronous'),
    'Queries under way at the same time are told apart by their query ids',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(8, t.user());
      await t.publish(conversation, ...records);
      const exchanges = records.map((record) => {
        const exchange = conversation.expect(conversation.newQueryId());
        const { timestamp } = record;
        conversation.send(
          queryMessage(exchange.queryId, 0, t.filter({ name: 'since', timestamp })),
        );
        return exchange;
      });
      for (const [i, exchange] of exchanges.entries()) {
        expectResult(await conversation.closed(exchange), 'SUCCESS', 'a Query');
        expectRecords(exchange.records, newestFirst(records.slice(i)), `Query ${i}`);
      }
    },
  ),
  check(
    'query/reused-id',
    reading('Messages: Query'),
    'a Query that reuses an open query id ends the older one without a word',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(2, t.user());
      const open = await conversation.subscribe(t.filter());
      const exchange = conversation.expect(open.queryId);
      conversation.send(queryMessage(open.queryId, 0, t.filter()));
      expectResult(await conversation.closed(exchange), 'SUCCESS', 'the Query');
      await t.publish(conversation, ...records);
      // A live record would belong to no open query id, which no conversation forgives.
      await expectMatches(conversation, t.filter(), records, 'another Query');
      const again = conversation.expect(open.queryId);
      conversation.send(unsubscribeMessage(open.queryId));
      expectResult(await conversation.closed(again), 'NOT_FOUND', 'an Unsubscribe for it');
    },
  ),
  check(
    'query/new-connection',
    spec('Messages'),
    'query ids belong to their connection',
    async (t) => {
      const [one, two] = [await t.connect(), await t.connect()];
      const record = t.record(t.user());
      const open = await one.subscribe(t.filter());
      const other = two.expect(open.queryId);
      two.send(unsubscribeMessage(open.queryId));
      expectResult(
        await two.closed(other),
        'NOT_FOUND',
        "an Unsubscribe for another connection's id",
      );
      await t.publish(two, record);
      expectRecords(await one.live(open, 1), [record], 'the subscription');
      ensure(two.faults.length === 0, 'the other connection heard of it');
    },
  ),
];
