/** Checks of the narrow filter elements and those about tags: what each lets through. */
import {
  attestSubkey,
  type FilterElementInput,
  type RecordView,
  type TagInput,
} from '@mosaic-cluster/protocol';
import { type Check, check, ensure, reading, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import type { Conversation } from '../conversation.ts';
import { expectRecords, newestFirst } from '../expect.ts';
import { bare, expectMatches, ofAuthors, ONE, OTHER_TYPE, tagged, TWO } from './filter-matches.ts';

const narrow: readonly Check[] = [
  check(
    'query/authors',
    spec('Filter: Author Keys'),
    'Author Keys lets through the records of one author, or of several',
    async (t) => {
      const [one, two, three] = [t.newUser(), t.newUser(), t.newUser()];
      const conversation = await t.connect();
      const records = [t.record(one), t.record(two), t.record(three), t.record(one)];
      await t.publish(conversation, ...records);
      const [a, b, , d] = records;
      await expectMatches(conversation, bare(ofAuthors(one.publicKey)), [a!, d!], 'one author');
      const both = bare(ofAuthors(two.publicKey, one.publicKey));
      await expectMatches(conversation, both, [a!, b!, d!], 'two authors');
      const none = bare(ofAuthors(t.stranger().publicKey));
      await expectMatches(conversation, none, [], 'an author of nothing');
    },
  ),
  check(
    'query/many-authors',
    spec('Filter: Author Keys'),
    'an Author Keys element may hold 63 keys',
    async (t) => {
      const conversation = await t.connect();
      const authors = Array.from({ length: 63 }, () => t.newUser());
      const records = authors.map((author) => t.record(author));
      await t.publish(conversation, ...records);
      const filter = bare(ofAuthors(...authors.map(({ publicKey }) => publicKey)));
      await expectMatches(conversation, filter, records, '63 authors');
      const newest = newestFirst(records).slice(0, 10);
      expectRecords((await conversation.query(filter, 10)).records, newest, 'the newest ten');
    },
  ),
  check(
    'query/signing-keys',
    spec('Filter: Signing Keys'),
    'Signing Keys lets through what a key signed, whoever the author is',
    async (t) => {
      const [author, subkey] = [t.newUser(), t.stranger()];
      const conversation = await t.connect();
      const attestation = attestSubkey(subkey.secretKey, author.publicKey);
      await t.publish(conversation, t.schedule(author, [{ marker: 'activeSigning', attestation }]));
      const [own, bySubkey] = [t.record(author), t.record(author, { signedBy: subkey })];
      await t.publish(conversation, own, bySubkey);
      const keys = [subkey.publicKey];
      await expectMatches(conversation, bare({ name: 'signingKeys', keys }), [bySubkey], 'alone');
      const master = { name: 'signingKeys', keys: [author.publicKey] } as const;
      await expectMatches(conversation, t.filter(master), [own], 'the master key');
    },
  ),
  check(
    'query/kinds',
    spec('Filter: Kinds'),
    'Kinds lets through one kind, or several',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      const kinds = [1, 2, 3].map((step) =>
        t.kind('unique', 'everybody', t.applicationKind ^ step),
      );
      const records = kinds.map((kind) => t.record(author, { kind }));
      await t.publish(conversation, ...records);
      for (const [i, kind] of kinds.entries()) {
        const filter = t.filter({ name: 'kinds', kinds: [kind] });
        await expectMatches(conversation, filter, [records[i]!], `kind ${i}`);
      }
      const two = t.filter({ name: 'kinds', kinds: [kinds[2]!, kinds[0]!] });
      await expectMatches(conversation, two, [records[0]!, records[2]!], 'two kinds');
      const alone = await conversation.query(bare({ name: 'kinds', kinds: [kinds[1]!] }));
      ensure(
        alone.records.some(({ id }) => Buffer.compare(id, records[1]!.id) === 0),
        'by kind alone: the record is missing',
      );
      const isPure = alone.records.every(({ kind }) => Buffer.compare(kind, kinds[1]!) === 0);
      ensure(isPure, 'by kind alone: records of another kind came');
    },
  ),
  check(
    'query/kind-flags',
    spec('Filter: Kinds'),
    'kinds that differ in their flags only are told apart',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      const records = (['unique', 'versioned', 'replaceable'] as const).map((handling) =>
        t.record(author, { handling }),
      );
      await t.publish(conversation, ...records);
      const filter = t.filter({ name: 'kinds', kinds: [t.kind('versioned')] });
      await expectMatches(conversation, filter, [records[1]!], 'the versioned kind');
    },
  ),
  check(
    'query/timestamps',
    spec('Filter: Timestamps'),
    'Timestamps lets through records of exactly these moments',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(4, t.newUser());
      await t.publish(conversation, ...records);
      const timestamps = [records[2]!.timestamp, records[0]!.timestamp, t.now()];
      const filter = bare({ name: 'timestamps', timestamps }, tagged(t.tag));
      await expectMatches(conversation, filter, [records[0]!, records[2]!], 'two of four');
      const near = bare({ name: 'timestamps', timestamps: [records[1]!.timestamp + 1n] });
      await expectMatches(conversation, near, [], 'a nanosecond beside');
      const alone = bare({ name: 'timestamps', timestamps: [records[1]!.timestamp] });
      await expectMatches(conversation, alone, [records[1]!], 'alone');
    },
  ),
];

/** Records with no tag, ONE, TWO, both, and OTHER_TYPE. */
async function publishTagged(t: CheckContext, conversation: Conversation): Promise<RecordView[]> {
  const author = t.user();
  const records = [[], [ONE], [TWO], [ONE, TWO], [OTHER_TYPE]].map((tags) =>
    t.record(author, { tags }),
  );
  await t.publish(conversation, ...records);
  return records;
}

const tags: readonly Check[] = [
  check(
    'query/tag',
    spec('Filter: Included Tags'),
    'Included Tags lets through records with the tag: its type and whole value',
    async (t) => {
      const conversation = await t.connect();
      const [, one, two, both, other] = await publishTagged(t, conversation);
      await expectMatches(conversation, t.filter(tagged(ONE)), [one!, both!], 'one tag');
      await expectMatches(conversation, t.filter(tagged(TWO)), [two!, both!], 'a longer value');
      await expectMatches(conversation, t.filter(tagged(OTHER_TYPE)), [other!], 'another type');
      const shorter = { type: ONE.type, value: ONE.value.subarray(0, 3) };
      await expectMatches(conversation, t.filter(tagged(shorter)), [], 'a part of the value');
    },
  ),
  check(
    'query/tag-any',
    spec('Filter: Included Tags'),
    'one Included Tags element lets through records with any of its tags',
    async (t) => {
      const conversation = await t.connect();
      const [, one, two, both] = await publishTagged(t, conversation);
      await expectMatches(
        conversation,
        t.filter(tagged(ONE, TWO)),
        [one!, two!, both!],
        'any of two',
      );
    },
  ),
  check(
    'query/tag-all',
    spec('Filter: Included Tags'),
    'two Included Tags elements let through records with a tag of each',
    async (t) => {
      const conversation = await t.connect();
      const [, , , both] = await publishTagged(t, conversation);
      await expectMatches(conversation, t.filter(tagged(ONE), tagged(TWO)), [both!], 'both');
      await expectMatches(conversation, t.filter(tagged(ONE), tagged(OTHER_TYPE)), [], 'neither');
    },
  ),
  check(
    'query/tag-excluded',
    spec('Filter: Excluded Tags'),
    'Excluded Tags holds back records with any of its tags',
    async (t) => {
      const conversation = await t.connect();
      const [none, one, two, , other] = await publishTagged(t, conversation);
      const excluded = (...tags: TagInput[]): FilterElementInput => ({
        name: 'excludedTags',
        tags,
      });
      await expectMatches(conversation, t.filter(excluded(ONE)), [none!, two!, other!], 'one tag');
      await expectMatches(conversation, t.filter(excluded(ONE, TWO)), [none!, other!], 'two tags');
      const apart = t.filter(excluded(ONE), excluded(TWO));
      await expectMatches(conversation, apart, [none!, other!], 'two elements');
      await expectMatches(
        conversation,
        t.filter(tagged(TWO), excluded(ONE)),
        [two!],
        'and Included Tags',
      );
      void one;
    },
  ),
  check(
    'query/tag-empty-value',
    reading('Filter: Included Tags'),
    'a tag without a value is found like any other',
    async (t) => {
      const conversation = await t.connect();
      const empty = { type: 0x6312, value: new Uint8Array(0) };
      const record = t.record(t.user(), { tags: [empty] });
      await t.publish(conversation, record, t.record(t.user()));
      await expectMatches(conversation, t.filter(tagged(empty)), [record], 'the empty tag');
    },
  ),
  check(
    'query/tag-long',
    spec('Filter: Included Tags'),
    'a tag is found by the whole of a long value',
    async (t) => {
      const conversation = await t.connect();
      const long = { type: 0x6313, value: new Uint8Array(1900).fill(5) };
      const almost = { type: 0x6313, value: long.value.slice() };
      almost.value[1899] = 6;
      const author = t.user();
      const records = [t.record(author, { tags: [long] }), t.record(author, { tags: [almost] })];
      await t.publish(conversation, ...records);
      await expectMatches(
        conversation,
        bare(tagged(t.tag), tagged(long)),
        [records[0]!],
        'the value',
      );
      await expectMatches(
        conversation,
        bare(tagged(almost), tagged(t.tag)),
        [records[1]!],
        'its like',
      );
    },
  ),
  check(
    'query/tag-any-type',
    reading('Filter: Included Tags'),
    'tags of type 0 and core tags of a wrong shape are found too',
    async (t) => {
      const conversation = await t.connect();
      for (const type of [0, 0x01, 0x02, 0xffff]) {
        const tag = { type, value: t.tag.value.slice(0, 7) };
        const record = t.record(t.user(), { tags: [tag] });
        await t.publish(conversation, record);
        await expectMatches(conversation, t.filter(tagged(tag)), [record], `type ${type}`);
      }
    },
  ),
];

/** Checks of narrow and tag elements. */
export const elementChecks: readonly Check[] = [...narrow, ...tags];
