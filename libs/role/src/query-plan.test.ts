/** Plans hold every record that a filter matches, and cost no more than they must. */
import { buildFilter, type FilterElementInput, hexEncode } from '@mosaic-cluster/protocol';
import { describe, expect, it } from 'vitest';
import { kind, moment, notify, person } from '../testing/people.ts';
import { plansFor, positionAfter, readerPlan, receivedRange } from './query-plan.ts';

const KEYS = [person(0).key, person(1).key];
const authors: FilterElementInput = { name: 'authors', keys: KEYS };

function shapes(...elements: FilterElementInput[]): string[] {
  return plansFor(buildFilter(elements)).map((plan) => plan.map(({ path }) => path.path).join(' '));
}

describe('the plans of a filter', () => {
  it('are one for each narrow element, kinds with authors', () => {
    expect(shapes(authors)).toEqual(['author author']);
    expect(shapes({ name: 'kinds', kinds: [kind()] })).toEqual(['kind']);
    expect(shapes(authors, { name: 'kinds', kinds: [kind()] })).toEqual([
      'author-kind author-kind',
    ]);
    const tags = [notify(person(0))];
    expect(shapes({ name: 'includedTags', tags }, { name: 'includedTags', tags }, authors)).toEqual(
      ['author author', 'tag', 'tag'],
    );
  });

  it('look for a signing key among those that sign for others and for themselves', () => {
    expect(shapes({ name: 'signingKeys', keys: [person(3).key] })).toEqual(['signing-key author']);
  });

  it('are none where an element names none of its kind', () => {
    expect(shapes(authors, { name: 'kinds', kinds: [] })).toEqual([]);
    expect(shapes(authors, { name: 'includedTags', tags: [] })).toEqual([]);
    const keys = { name: 'signingKeys', keys: [person(3).key] } as const;
    expect(shapes(keys, { name: 'kinds', kinds: [] })).toEqual([]);
  });

  it('walk authors alone where their kinds would make too many paths', () => {
    const kinds = Array.from({ length: 200 }, (_, n) => kind({ applicationKind: n }));
    expect(shapes(authors, { name: 'kinds', kinds })).toEqual(['author author']);
  });

  it('are few, however many ways a filter names', () => {
    const tags = Array.from({ length: 50 }, () => [notify(person(0))]);
    const elements = tags.map((each): FilterElementInput => ({ name: 'includedTags', tags: each }));
    expect(shapes(...elements)).toHaveLength(8);
  });

  it('keep to since and until', () => {
    const [plan] = plansFor(
      buildFilter([
        authors,
        { name: 'since', timestamp: moment(5) },
        { name: 'until', timestamp: moment(6) },
      ]),
    );
    const { range } = plan?.[0] ?? {};
    expect(hexEncode(range?.from ?? new Uint8Array())).toMatch(/05(00){16}$/);
    expect(hexEncode(range?.below ?? new Uint8Array())).toMatch(/07(00){16}$/);
  });
});

describe('the plan of a reader', () => {
  it('walks only what the reader may see', () => {
    const filter = buildFilter([authors]);
    const paths = readerPlan(filter, [person(5).key]).map(({ path }) => path.path);
    expect(paths).toEqual(['author', 'tag', 'odd-notify']);
    expect(readerPlan(filter, [])).toEqual([]);
  });
});

describe('positions', () => {
  it('have none after the last moment', () => {
    expect(positionAfter(new Uint8Array(8).fill(0xff))).toBeUndefined();
    expect(positionAfter(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0xff))?.subarray(0, 8)).toEqual(
      Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 0),
    );
  });

  it('leave reception open where the filter has no lower bound', () => {
    const until = { name: 'receivedUntil', timestamp: moment(1) } as const;
    expect(receivedRange(buildFilter([authors, until]))).toBeUndefined();
  });
});
