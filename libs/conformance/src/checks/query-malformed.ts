/** Checks of filters as bytes: which are malformed, which are odd but fine, which ask too much. */
import {
  buildFilter,
  concatBytes,
  FILTER_ELEMENT,
  type FilterElementInput,
  type RecordView,
  writeU16,
} from '@mosaic-cluster/protocol';
import { type Check, check, reading, type Rule, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { expectRecords, expectResult, newestFirst } from '../expect.ts';
import { expectMatches } from './filter-matches.ts';

const STRUCTURE = spec('Filter: Filter Structure');
const STRUCTURE_READING = reading('Filter: Filter Structure');

/** An element of any bytes; its length byte counts whole words, as it must, unless told. */
function element(type: number, data: ArrayLike<number>, words?: number): Uint8Array {
  const bytes = new Uint8Array(8 + Math.ceil(data.length / 8) * 8);
  bytes[0] = type;
  bytes[1] = words ?? bytes.length / 8;
  bytes.set(data, 8);
  return bytes;
}

/** A filter of any elements; its length is its own, unless told. */
function filterOf(elements: readonly Uint8Array[], length?: number): Uint8Array {
  const bytes = concatBytes(new Uint8Array(8), ...elements);
  writeU16(bytes, 0, length ?? bytes.length);
  return bytes;
}

/** An element that makes every filter of this check narrow. */
function own(t: CheckContext): Uint8Array {
  return buildFilter([{ name: 'includedTags', tags: [t.tag] }]).bytes.slice(8);
}

/** Malformed filters, by what is wrong with them. */
type Malformed = Readonly<Record<string, Uint8Array>>;

/** A check that Query and Subscribe answer INVALID to some filters, and go on. */
function refuses(
  name: string,
  rule: Rule,
  title: string,
  filters: (t: CheckContext) => Malformed,
): Check {
  return check(`query/${name}`, rule, title, async (t) => {
    const conversation = await t.connect();
    for (const [what, filter] of Object.entries(filters(t))) {
      expectResult((await conversation.query(filter)).result, 'INVALID', `Query, ${what}`);
      const exchange = conversation.startSubscribe(filter);
      expectResult(await conversation.closed(exchange), 'INVALID', `Subscribe, ${what}`);
    }
  });
}

const KEY = new Uint8Array(32).fill(1);

const malformed: readonly Check[] = [
  refuses('filter-length', STRUCTURE, 'a filter whose length is not its own is INVALID', (t) => {
    const { length } = filterOf([own(t)]);
    const wrong = [0, 8, length - 8, length + 8, length + 1, length << 8];
    return Object.fromEntries(
      wrong.map((claimed) => [`length ${claimed}`, filterOf([own(t)], claimed & 0xffff)]),
    );
  }),
  refuses('filter-short', STRUCTURE, 'a filter shorter than its head is INVALID', () => ({
    '1 byte': new Uint8Array(1),
    '7 bytes': Uint8Array.of(7, 0, 0, 0, 0, 0, 0),
  })),
  refuses(
    'filter-uneven',
    STRUCTURE,
    'a filter that is no multiple of 8 bytes is INVALID',
    (t) => ({
      'a byte more': filterOf([own(t), new Uint8Array(1)]),
      'four bytes more': filterOf([own(t), new Uint8Array(4)]),
    }),
  ),
  refuses('element-length-zero', STRUCTURE, 'an element of length 0 is INVALID', (t) => ({
    first: filterOf([element(FILTER_ELEMENT.since, [], 0), own(t)]),
    last: filterOf([own(t), element(FILTER_ELEMENT.since, new Uint8Array(8), 0)]),
  })),
  refuses('element-overrun', STRUCTURE, 'an element that overruns the filter is INVALID', (t) => ({
    'by a word': filterOf([own(t), element(FILTER_ELEMENT.authors, KEY, 6)]),
    'by far': filterOf([own(t), element(FILTER_ELEMENT.authors, KEY, 255)]),
  })),
  refuses(
    'element-data',
    STRUCTURE_READING,
    'an element whose length does not suit its data is INVALID',
    (t) => {
      const { authors, signingKeys, exclude } = FILTER_ELEMENT;
      const uneven = [authors, signingKeys, exclude].flatMap((type) =>
        [1, 3, 5].map((words) => [type, words * 8] as const),
      );
      const { since, until, receivedSince, receivedUntil } = FILTER_ELEMENT;
      const moments = [since, until, receivedSince, receivedUntil].map(
        (type) => [type, 0] as const,
      );
      return Object.fromEntries(
        [...uneven, ...moments].map(([type, length]) => [
          `type 0x${type.toString(16)} with ${length} bytes`,
          filterOf([own(t), element(type, new Uint8Array(length))]),
        ]),
      );
    },
  ),
  refuses(
    'element-unknown',
    STRUCTURE_READING,
    'an element of an unknown type is INVALID',
    (t) => ({
      'narrow 0x06': filterOf([own(t), element(0x06, new Uint8Array(8))]),
      'wide 0x86': filterOf([own(t), element(0x86, new Uint8Array(8))]),
      'type 0': filterOf([own(t), element(0x00, [])]),
    }),
  ),
  refuses(
    'element-duplicate-malformed',
    STRUCTURE_READING,
    'a second occurrence that does not count is INVALID where it is malformed',
    (t) => {
      const kinds = element(FILTER_ELEMENT.authors, KEY);
      const broken = element(FILTER_ELEMENT.authors, KEY.subarray(0, 8));
      return { 'the second': filterOf([own(t), kinds, broken]) };
    },
  ),
  refuses(
    'tag-element',
    spec('Filter: Included Tags'),
    'tags that do not fit their element are INVALID',
    (t) => {
      const tagsOf = (type: number, data: number[]): Uint8Array =>
        filterOf([own(t), element(type, data)]);
      const cases: [string, number[]][] = [
        ['length 1', [1, 0, 1, 0, 0, 0, 0, 0]],
        ['length 2', [2, 0, 1, 0, 0, 0, 0, 0]],
        ['length 3', [3, 0, 1, 0, 0, 0, 0, 0]],
        ['an overrun', [9, 0, 1, 0, 0, 0, 0, 0]],
        ['padding that is not zero', [6, 0, 1, 0, 7, 7, 0, 1]],
      ];
      return Object.fromEntries(
        cases.flatMap(([what, data]) => [
          [`included, ${what}`, tagsOf(FILTER_ELEMENT.includedTags, data)],
          [`excluded, ${what}`, tagsOf(FILTER_ELEMENT.excludedTags, data)],
        ]),
      );
    },
  ),
];

/** Publishes three records, and expects a filter to let some of them through. */
async function expectOf(
  t: CheckContext,
  make: (records: readonly RecordView[]) => readonly [Uint8Array, readonly RecordView[]],
): Promise<void> {
  const conversation = await t.connect();
  const records = [t.record(t.user()), ...t.records(2, t.newUser())];
  await t.publish(conversation, ...records);
  const [filter, expected] = make(records);
  await expectMatches(conversation, filter, expected, 'the Query');
}

/** A filter of these elements, one after the other. */
function build(...elements: readonly FilterElementInput[]): Uint8Array {
  return buildFilter(elements).bytes;
}

const NOTHING: readonly (readonly [string, FilterElementInput])[] = [
  ['authors', { name: 'authors', keys: [] }],
  ['signing-keys', { name: 'signingKeys', keys: [] }],
  ['kinds', { name: 'kinds', kinds: [] }],
  ['timestamps', { name: 'timestamps', timestamps: [] }],
  ['included-tags', { name: 'includedTags', tags: [] }],
];

const EVERYTHING: readonly (readonly [string, FilterElementInput])[] = [
  ['exclude', { name: 'exclude', idPrefixes: [] }],
  ['excluded-tags', { name: 'excludedTags', tags: [] }],
];

const odd: readonly Check[] = [
  ...NOTHING.map(([name, empty]) =>
    check(
      `query/empty-${name}`,
      STRUCTURE_READING,
      `one of no ${name} matches nothing`,
      async (t) => {
        await expectOf(t, () => [t.filter(empty), []]);
        const conversation = await t.connect();
        await expectMatches(conversation, build(empty), [], 'the element alone');
      },
    ),
  ),
  ...EVERYTHING.map(([name, empty]) =>
    check(
      `query/empty-${name}`,
      STRUCTURE_READING,
      `none of no ${name} matches everything`,
      async (t) => {
        await expectOf(t, (records) => [t.filter(empty), records]);
      },
    ),
  ),
  check(
    'query/duplicate-element',
    STRUCTURE,
    'of a unique element only the first occurrence counts',
    async (t) => {
      await expectOf(t, ([one, two, three]) => {
        const first = { name: 'authors', keys: [two!.author] } as const;
        const second = { name: 'authors', keys: [one!.author] } as const;
        return [t.filter(first, second), [two!, three!]];
      });
      await expectOf(t, ([one, two, three]) => {
        const first = { name: 'since', timestamp: two!.timestamp } as const;
        const second = { name: 'since', timestamp: three!.timestamp } as const;
        void one;
        return [t.filter(first, second), [two!, three!]];
      });
    },
  ),
  check(
    'query/invalid-key',
    STRUCTURE_READING,
    'a string that is no key matches nothing and harms nothing',
    async (t) => {
      await expectOf(t, ([one]) => {
        const keys = [new Uint8Array(32).fill(0xff), new Uint8Array(32), one!.author];
        return [t.filter({ name: 'authors', keys }), [one!]];
      });
    },
  ),
  check(
    'query/filter-reserved',
    STRUCTURE_READING,
    'reserved bytes of a filter are not looked at',
    async (t) => {
      await expectOf(t, (records) => {
        const filter = t.filter().slice();
        filter.fill(0xff, 2, 8).fill(0xff, 10, 16);
        return [filter, records];
      });
    },
  ),
  check(
    'query/tag-padding',
    STRUCTURE_READING,
    'a tag element may end in more zeros than it needs',
    async (t) => {
      await expectOf(t, (records) => {
        const padded = own(t);
        const data = [...padded.subarray(8), ...new Uint8Array(16)];
        return [filterOf([element(FILTER_ELEMENT.includedTags, data)]), records];
      });
    },
  ),
];

const WIDE: readonly (readonly [string, readonly FilterElementInput[]])[] = [
  ['nothing', []],
  ['since', [{ name: 'since', timestamp: 1n }]],
  ['until', [{ name: 'until', timestamp: 1n }]],
  [
    'received',
    [
      { name: 'receivedSince', timestamp: 1n },
      { name: 'receivedUntil', timestamp: 2n },
    ],
  ],
  ['exclude', [{ name: 'exclude', idPrefixes: [KEY] }]],
  ['excluded-tags', [{ name: 'excludedTags', tags: [{ type: 1, value: KEY }] }]],
];

const open: readonly Check[] = WIDE.map(([name, elements]) =>
  check(
    `query/too-open-${name}`,
    spec('Messages: Result Codes'),
    `a filter of ${name} alone is TOO_OPEN, for Query and Subscribe`,
    async (t) => {
      const conversation = await t.connect();
      const filter = build(...elements);
      expectResult((await conversation.query(filter)).result, 'TOO_OPEN', 'the Query');
      expectResult((await conversation.query(filter, 1)).result, 'TOO_OPEN', 'with a limit');
      const exchange = conversation.startSubscribe(filter);
      expectResult(await conversation.closed(exchange), 'TOO_OPEN', 'the Subscribe');
      expectRecords(exchange.records, newestFirst([]), 'the Subscribe');
    },
  ),
);

/** Checks of filters as bytes. */
export const malformedFilterChecks: readonly Check[] = [...malformed, ...odd, ...open];
