/** Random histories of a server, made of few people, kinds and moments, so that much collides. */
import type { PageBudget, RoleName } from '@mosaic-cluster/bus';
import {
  buildFilter,
  type FilterElementInput,
  type FilterView,
  type KeyMarkerName,
  type RecordView,
  type TagInput,
} from '@mosaic-cluster/protocol';
import * as fc from 'fast-check';
import { kind, moment, nonce, notify, type Person, person, record, schedule } from './people.ts';
import { present } from './present.ts';

/** Masters 0 to 2; the last is a stranger. */
export const MASTERS: readonly Person[] = [person(0), person(1), person(2)];
/** Keys that sign for masters whose schedules say so; the first for more than one. */
const SUBKEYS: readonly Person[] = [person(10), person(11)];
/** Somebody who published nothing. */
const BYSTANDER = person(20);

const KINDS = [
  kind(),
  kind({ duplicateHandling: 'versioned' }),
  kind({ duplicateHandling: 'replaceable' }),
  kind({ duplicateHandling: 'replaceable', audience: 'author-only' }),
  kind({ audience: 'author-and-tagged' }),
  kind({ duplicateHandling: 'replaceable', audience: 'author-and-tagged' }),
];
const TAGS: readonly TagInput[] = [
  notify(present(MASTERS[0])),
  notify(present(MASTERS[1]), true),
  notify(BYSTANDER),
  { type: 0x24, value: Uint8Array.of(0, 0, 0, 0, 104, 105) },
  { type: 0x7777, value: new Uint8Array(90).fill(5) },
];
const MOMENTS = 5;

interface RecordSpec {
  readonly author: number;
  readonly subkey: number;
  readonly kind: number;
  readonly at: number;
  readonly nonce: number;
  readonly tags: readonly number[];
  readonly payload: number;
}

interface ScheduleSpec {
  readonly author: number;
  readonly at: number;
  readonly nonce: number;
  readonly keys: readonly { readonly subkey: number; readonly marker: KeyMarkerName }[];
}

/** What happens to a server, or is asked of it. */
export type Step =
  | { readonly step: 'submit'; readonly role: RoleName; readonly records: readonly RecordView[] }
  | { readonly step: 'restart' }
  | { readonly step: 'rebuild' }
  | {
      readonly step: 'query';
      readonly role: RoleName;
      readonly filter: FilterView;
      readonly reader: Person | undefined;
      readonly budget: PageBudget;
    }
  | {
      readonly step: 'get';
      readonly role: RoleName;
      readonly picks: readonly { readonly pick: number; readonly isAddress: boolean }[];
      readonly reader: Person | undefined;
      readonly budget: PageBudget;
    };

const made = new Map<string, RecordView>();

/** Signing is what makes such tests slow: each record is made once. */
function once(name: string, make: () => RecordView): RecordView {
  const known = made.get(name) ?? make();
  made.set(name, known);
  return known;
}

function recordOf(spec: RecordSpec): RecordView {
  return once(JSON.stringify(spec), () => {
    const author = present(MASTERS[spec.author]);
    const signer = SUBKEYS[spec.subkey];
    return record(author, {
      kind: present(KINDS[spec.kind]),
      timestamp: moment(spec.at),
      nonce: nonce(spec.nonce),
      tags: spec.tags.map((tag) => present(TAGS[tag])),
      payload: new Uint8Array(spec.payload),
      ...(signer === undefined ? {} : { signer }),
    });
  });
}

function scheduleOf(spec: ScheduleSpec): RecordView {
  return once(`schedule ${JSON.stringify(spec)}`, () => {
    const keys = spec.keys.map(({ subkey, marker }) => ({
      subkey: present(SUBKEYS[subkey]),
      marker,
      revokedAt: moment(marker === 'revokedPast' ? 1_000_005 : 1),
    }));
    return schedule(present(MASTERS[spec.author]), moment(spec.at), keys, spec.nonce);
  });
}

const index = (count: number): fc.Arbitrary<number> => fc.nat({ max: count - 1 });

const aRecord: fc.Arbitrary<RecordView> = fc
  .record({
    author: index(MASTERS.length),
    // 2: the author's own key.
    subkey: index(SUBKEYS.length + 1),
    kind: index(KINDS.length),
    at: index(MOMENTS),
    nonce: index(2),
    tags: fc.uniqueArray(index(TAGS.length), { maxLength: 3 }),
    payload: fc.constantFrom(0, 300),
  })
  .map(recordOf);

const aSchedule: fc.Arbitrary<RecordView> = fc
  .record({
    author: index(MASTERS.length),
    at: index(MOMENTS),
    nonce: index(2),
    keys: fc.array(
      fc.record({
        subkey: index(SUBKEYS.length),
        marker: fc.constantFrom<KeyMarkerName>(
          'activeSigning',
          'activeSigning',
          'outOfUse',
          'revokedPast',
          'revokedAll',
        ),
      }),
      { maxLength: 3 },
    ),
  })
  .map(scheduleOf);

const anElement: fc.Arbitrary<FilterElementInput> = fc.oneof(
  fc
    .subarray([...MASTERS])
    .map((people): FilterElementInput => ({ name: 'authors', keys: people.map(({ key }) => key) })),
  fc
    .subarray([...MASTERS, ...SUBKEYS])
    .map(
      (people): FilterElementInput => ({ name: 'signingKeys', keys: people.map(({ key }) => key) }),
    ),
  fc.subarray(KINDS).map((kinds): FilterElementInput => ({ name: 'kinds', kinds })),
  fc
    .uniqueArray(index(MOMENTS), { maxLength: 4 })
    .map(
      (moments): FilterElementInput => ({ name: 'timestamps', timestamps: moments.map(moment) }),
    ),
  fc.subarray([...TAGS]).map((tags): FilterElementInput => ({ name: 'includedTags', tags })),
  fc.subarray([...TAGS]).map((tags): FilterElementInput => ({ name: 'excludedTags', tags })),
  fc
    .tuple(fc.constantFrom('since' as const, 'until' as const), index(MOMENTS))
    .map(([name, at]): FilterElementInput => ({ name, timestamp: moment(at) })),
  fc
    .tuple(fc.constantFrom('receivedSince' as const, 'receivedUntil' as const), index(20))
    .map(([name, at]): FilterElementInput => ({ name, timestamp: moment(1_000_000 + at) })),
);

const everyAuthor: FilterElementInput = { name: 'authors', keys: MASTERS.map(({ key }) => key) };

const aFilter: fc.Arbitrary<FilterView> = fc
  .array(anElement, { minLength: 1, maxLength: 4 })
  .map((elements) => buildFilter(elements))
  .map((filter) => (filter.isNarrow ? filter : buildFilter([everyAuthor])));

const aReader: fc.Arbitrary<Person | undefined> = fc.constantFrom(
  undefined,
  ...MASTERS,
  ...SUBKEYS,
  BYSTANDER,
);

const aBudget: fc.Arbitrary<PageBudget> = fc.record({
  records: fc.integer({ min: 1, max: 6 }),
  bytes: fc.integer({ min: 1, max: 3000 }),
  scanned: fc.integer({ min: 1, max: 9 }),
});

/** Steps of a server with these roles. @param withRebuild whether the index may be thrown away */
export function aHistory(
  roles: readonly RoleName[],
  withRebuild: boolean,
): fc.Arbitrary<readonly Step[]> {
  const role = fc.constantFrom(...roles);
  const publicRole = fc.constantFrom(...roles.filter((name) => name !== 'encryption'));
  const asked = { role, reader: aReader, budget: aBudget };
  const records = fc.array(aRecord, { minLength: 1, maxLength: 4 });
  const picks = fc.array(fc.record({ pick: fc.nat(), isAddress: fc.boolean() }), { maxLength: 8 });
  const step = <S extends Step['step']>(name: S) => fc.constant(name);
  return fc.array(
    fc.oneof(
      { weight: 8, arbitrary: fc.record({ step: step('submit'), role, records }) },
      {
        weight: 3,
        arbitrary: fc.record({
          step: step('submit'),
          role: publicRole,
          records: aSchedule.map((each) => [each]),
        }),
      },
      {
        weight: 4,
        arbitrary: fc.record({ step: step('query'), filter: aFilter, ...asked }),
      },
      { weight: 2, arbitrary: fc.record({ step: step('get'), picks, ...asked }) },
      {
        weight: 1,
        arbitrary: fc.record({ step: step(withRebuild ? 'rebuild' : 'restart') }),
      },
    ),
    { minLength: 1, maxLength: 40, size: 'max' },
  );
}
