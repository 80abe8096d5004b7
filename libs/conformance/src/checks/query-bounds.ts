/** Checks of the filter elements that cut down, and of elements together. */
import {
  compileFilter,
  type FilterElementInput,
  parseFilter,
  type RecordView,
  type TagInput,
} from '@mosaic-cluster/protocol';
import { type Check, check, ensure, type Rule, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import type { Conversation } from '../conversation.ts';
import { expectRecords } from '../expect.ts';
import { expectMatches, ofAuthors, ONE, OTHER_TYPE, tagged, TWO } from './filter-matches.ts';

const times: readonly Check[] = [
  check(
    'query/since',
    spec('Filter: Since'),
    'Since lets through records of its moment and later',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(3, t.user());
      await t.publish(conversation, ...records);
      const { timestamp } = records[1]!;
      const since = (moment: bigint): Uint8Array => t.filter({ name: 'since', timestamp: moment });
      await expectMatches(conversation, since(timestamp), records.slice(1), 'the moment itself');
      await expectMatches(conversation, since(timestamp + 1n), records.slice(2), 'just after');
      await expectMatches(conversation, since(0n), records, 'the beginning');
    },
  ),
  check(
    'query/until',
    spec('Filter: Until'),
    'Until lets through records of its moment and earlier',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(3, t.user());
      await t.publish(conversation, ...records);
      const { timestamp } = records[1]!;
      const until = (moment: bigint): Uint8Array => t.filter({ name: 'until', timestamp: moment });
      await expectMatches(conversation, until(timestamp), records.slice(0, 2), 'the moment itself');
      await expectMatches(conversation, until(timestamp - 1n), records.slice(0, 1), 'just before');
      await expectMatches(conversation, until(0n), [], 'the beginning');
    },
  ),
  check(
    'query/window',
    spec('Filter: Since'),
    'Since and Until together cut out a window',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(5, t.user());
      await t.publish(conversation, ...records);
      const window = t.filter(
        { name: 'since', timestamp: records[1]!.timestamp },
        { name: 'until', timestamp: records[3]!.timestamp },
      );
      await expectMatches(conversation, window, records.slice(1, 4), 'the window');
      const empty = t.filter(
        { name: 'since', timestamp: records[3]!.timestamp },
        { name: 'until', timestamp: records[1]!.timestamp },
      );
      await expectMatches(conversation, empty, [], 'a window that ends before it begins');
    },
  ),
  check(
    'query/received',
    spec('Filter: Received Since'),
    'Received Since and Received Until go by when the server got the record, both inclusive',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      // Dated long ago: the record's own date must not count.
      const first = t.record(author, { timestamp: 1_000n });
      const second = t.record(author, { timestamp: 500n });
      await t.publish(conversation, first, second);
      const at = await receivedAt(t, conversation, first);
      const since = (timestamp: bigint): Uint8Array => {
        return t.filter({ name: 'receivedSince', timestamp });
      };
      const until = (timestamp: bigint): Uint8Array => {
        return t.filter({ name: 'receivedUntil', timestamp });
      };
      const has = async (filter: Uint8Array): Promise<boolean> => {
        const { records } = await conversation.query(filter);
        return records.some(({ id }) => Buffer.compare(id, first.id) === 0);
      };
      ensure(await has(since(at)), 'Received Since leaves out the moment itself');
      ensure(!(await has(since(at + 1n))), 'Received Since lets an earlier record through');
      ensure(await has(until(at)), 'Received Until leaves out the moment itself');
      ensure(!(await has(until(at - 1n))), 'Received Until lets a later record through');
      await expectMatches(conversation, since(at), [first, second], 'since the first was received');
    },
  ),
];

const HOUR_NANOS = 3_600_000_000_000n;

/** Finds out when the server received a record: the least Received Until that lets it through. */
async function receivedAt(
  t: CheckContext,
  conversation: Conversation,
  record: RecordView,
): Promise<bigint> {
  let low = t.now() - 24n * HOUR_NANOS;
  let high = low + 48n * HOUR_NANOS;
  while (low < high) {
    const middle = (low + high) / 2n;
    const filter = t.filter(
      { name: 'timestamps', timestamps: [record.timestamp] },
      { name: 'receivedUntil', timestamp: middle },
    );
    const { records } = await conversation.query(filter);
    if (records.length > 0) high = middle;
    else low = middle + 1n;
  }
  return low;
}

const exclude: readonly Check[] = [
  check(
    'query/exclude',
    spec('Filter: Exclude'),
    'Exclude holds back records by the first 32 bytes of their ID',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(4, t.user());
      await t.publish(conversation, ...records);
      const prefixOf = (place: number): Uint8Array => records[place]!.id.slice(0, 32);
      const excluding = (...idPrefixes: Uint8Array[]): Uint8Array => {
        return t.filter({ name: 'exclude', idPrefixes });
      };
      const [one, two, three, four] = records;
      await expectMatches(conversation, excluding(prefixOf(1)), [one!, three!, four!], 'one');
      await expectMatches(conversation, excluding(prefixOf(0), prefixOf(3)), [two!, three!], 'two');
      const near = prefixOf(1);
      near[31]! ^= 1;
      await expectMatches(conversation, excluding(near), records, 'a prefix of nothing');
    },
  ),
  check(
    'query/exclude-limit',
    spec('Filter: Exclude'),
    'what is excluded does not count towards the limit',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(4, t.user());
      await t.publish(conversation, ...records);
      const idPrefixes = [records[3]!, records[2]!].map(({ id }) => id.slice(0, 32));
      const filter = t.filter({ name: 'exclude', idPrefixes });
      const answer = await conversation.query(filter, 1);
      expectRecords(answer.records, [records[1]!], 'the newest that is not excluded');
    },
  ),
];

/** Elements at random, over what the records of a check hold. */
function randomElements(
  random: () => number,
  records: readonly RecordView[],
  tags: readonly TagInput[],
): FilterElementInput[] {
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)]!;
  const some = <T>(make: () => T): T[] =>
    Array.from({ length: 1 + Math.floor(random() * 3) }, make);
  const makers: (() => FilterElementInput)[] = [
    () => ({ name: 'authors', keys: some(() => pick(records).author) }),
    () => ({ name: 'signingKeys', keys: some(() => pick(records).signingKey) }),
    () => ({ name: 'kinds', kinds: some(() => pick(records).kind) }),
    () => ({ name: 'timestamps', timestamps: some(() => pick(records).timestamp) }),
    () => ({ name: 'includedTags', tags: some(() => pick(tags)) }),
    () => ({ name: 'excludedTags', tags: some(() => pick(tags)) }),
    () => ({ name: 'since', timestamp: pick(records).timestamp }),
    () => ({ name: 'until', timestamp: pick(records).timestamp }),
    () => ({ name: 'exclude', idPrefixes: some(() => pick(records).id.slice(0, 32)) }),
  ];
  return makers.filter(() => random() < 0.3).map((make) => make());
}

/** A small generator (mulberry32), so that a finding can be repeated. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const RULE: Rule = spec('Filter');

const together: readonly Check[] = [
  check('query/combined', RULE, 'a record must match every element', async (t) => {
    const [one, two] = [t.user(), t.newUser()];
    const conversation = await t.connect();
    const records = [
      t.record(one, { tags: [ONE] }),
      t.record(one, { handling: 'versioned', tags: [ONE] }),
      t.record(two, { tags: [ONE] }),
      t.record(one),
      t.record(one, { tags: [ONE] }),
    ];
    await t.publish(conversation, ...records);
    const filter = t.filter(
      ofAuthors(one.publicKey),
      { name: 'kinds', kinds: [t.kind()] },
      tagged(ONE),
      { name: 'until', timestamp: records[3]!.timestamp },
    );
    await expectMatches(conversation, filter, [records[0]!], 'four elements');
  }),
  check(
    'query/random-filters',
    RULE,
    'sixty random filters over forty records give what their words say',
    async (t) => {
      const conversation = await t.connect();
      const people = [t.newUser(), t.newUser(), t.newUser()];
      const tags = [ONE, TWO, OTHER_TYPE];
      const seed = t.applicationKind;
      const random = seeded(seed);
      const records = Array.from({ length: 40 }, () =>
        t.record(people[Math.floor(random() * 3)]!, {
          handling: random() < 0.5 ? 'unique' : 'versioned',
          tags: tags.filter(() => random() < 0.4),
        }),
      );
      await t.publish(conversation, ...records);
      for (let i = 0; i < 60; i++) {
        const filter = t.filter(...randomElements(random, records, tags));
        const matcher = compileFilter(parseFilter(filter));
        const expected = records.filter((record) => matcher.matches(record, record.timestamp));
        await expectMatches(conversation, filter, expected, `filter ${i} of seed ${seed}`);
      }
    },
  ),
];

/** Checks of bounds, exclusions and combinations. */
export const boundChecks: readonly Check[] = [...times, ...exclude, ...together];
