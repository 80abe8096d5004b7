/** The golden vectors pass, and the runner is one that notices when they should not. */
import { describe, expect, test } from 'vitest';
import { readVectorFiles, type VectorCase, vectorCases } from '../../testing/vector-files.ts';
import { runVectors } from './index.ts';

const files = readVectorFiles();

function casesOf(set: string): readonly VectorCase[] {
  return vectorCases(files, set);
}

/** Runs one case alone, with the records that others refer to beside it. */
function runOne(set: string, item: unknown): { ok: boolean; why: string | undefined } {
  const data = { spec: '0.8.0', set: 'test', about: '', cases: [item] };
  const beside =
    set === 'filters-match' ? files.filter((f) => f.name === 'records-valid.json') : [];
  const result = runVectors([{ name: `${set}.json`, data }, ...beside]).at(0);
  if (result === undefined) throw new Error('no result');
  return result;
}

describe('golden vectors', () => {
  const results = runVectors(files);

  test.each(files.map(({ name }) => name.replace('.json', '')))('%s', (set) => {
    const ofSet = results.filter((result) => result.set === set);
    expect(ofSet.filter(({ ok }) => !ok)).toEqual([]);
    expect(ofSet.length).toBe(casesOf(set).length);
  });

  test('there are as many as were committed', () => {
    expect(results.length).toBe(952);
  });
});

/** One wrong expectation per set: `field` of the first case that has `where`, changed to `to`. */
const WRONG: readonly [set: string, where: object, field: string, to: unknown][] = [
  ['keys', { type: 'keypair' }, 'mopub0', 'mopub0y'],
  ['keys', { type: 'public_key_check', spec: 'reject' }, 'spec', 'accept'],
  ['keys', { type: 'human_decode', spec: 'accept' }, 'spec', 'reject'],
  ['keys', { type: 'reference' }, 'ref_kind', 'neither'],
  ['keys', { type: 'mocryptsec0' }, 'rand4', '00000000'],
  ['timestamps', { type: 'from_unix' }, 'leap_seconds', 99],
  ['timestamps', { in_leap_second: true }, 'unix_secs_any_of', ['1', '2']],
  ['timestamps', { type: 'bytes', spec: 'reject' }, 'spec', 'accept'],
  ['kinds', { spec: 'accept' }, 'printable', 'maybe'],
  ['tags', { type: 'encode' }, 'fields', {}],
  ['tags', { type: 'core_decode', spec: 'reject' }, 'spec', 'accept'],
  ['tags', { type: 'parse_set', spec: 'accept' }, 'tags', [{}]],
  ['signatures', { spec: 'reject' }, 'spec', 'accept'],
  ['signatures', { spec: 'accept' }, 'prehash', '00'],
  ['records-valid', {}, 'id', '00'.repeat(48)],
  ['records-valid', {}, 'fields', {}],
  ['records-large', { spec: 'reject' }, 'step', '2'],
  ['records-invalid', { spec: 'reject' }, 'all_steps', ['none']],
  ['records-invalid', { spec: 'accept' }, 'spec', 'reject'],
  ['filters-parse', { spec: 'accept' }, 'narrow', 'perhaps'],
  ['filters-parse', { spec: 'reject' }, 'spec', 'accept'],
  ['filters-match', {}, 'match_count', -1],
  ['filters-match', {}, 'expected', { 'payload-8': 'no' }],
  ['messages', { spec: 'accept' }, 'fields', {}],
  ['messages', { wrong_direction: true }, 'wrong_direction', false],
  ['keyschedule', { schedule_valid: false }, 'schedule_valid', true],
  ['keyschedule', { name: 'all-markers' }, 'entries', []],
  ['profile', { spec: 'accept' }, 'fields', { name: 'somebody' }],
];

describe('the runner notices', () => {
  test.each(WRONG)('%s %o: a wrong %s', (set, where, field, to) => {
    const found = casesOf(set).find((item) =>
      Object.entries(where).every(([key, value]) => item[key] === value),
    );
    expect(runOne(set, found)).toMatchObject({ ok: true });
    expect(runOne(set, { ...found, [field]: to })).toMatchObject({ ok: false });
  });

  test.each(files.map(({ name }) => name.replace('.json', '')))('an unknown field in %s', (set) => {
    const item = { ...casesOf(set)[0], surprise: 1 };
    expect(runOne(set, item)).toMatchObject({ ok: false, why: 'unknown field surprise' });
  });

  test('a missing field', () => {
    const item = { ...casesOf('keys')[0], public: undefined };
    const why = 'the field public is missing: lower-case hex expected';
    expect(runOne('keys', item)).toMatchObject({ ok: false, why });
  });

  test.each(['keys', 'timestamps', 'tags'])('an unknown type in %s', (set) => {
    const item = { ...casesOf(set)[0], type: 'other' };
    expect(runOne(set, item)).toMatchObject({ ok: false, why: 'unknown type "other"' });
  });

  test('an unknown file, an unknown edition, a file without cases, a name that stands twice', () => {
    const whole = { spec: '0.8.0', set: 'test', about: '', cases: casesOf('kinds').slice(0, 1) };
    const bad = [
      { name: 'dances.json', data: whole },
      { name: 'kinds.json', data: { ...whole, spec: '0.9.0' } },
      { name: 'kinds.json', data: { ...whole, cases: [] } },
      { name: 'kinds.json', data: { ...whole, more: 1 } },
      { name: 'kinds.json', data: [] },
      { name: 'kinds.json', data: { ...whole, cases: [...whole.cases, ...whole.cases] } },
    ];
    for (const file of bad) expect(runVectors([file]).some(({ ok }) => !ok)).toBe(true);
    expect(runVectors([{ name: 'kinds.json', data: whole }])).toMatchObject([{ ok: true }]);
  });

  test('filters-match without the records that it names', () => {
    const alone = files.filter(({ name }) => name === 'filters-match.json');
    const why = 'records-valid is not in the directory';
    expect(runVectors(alone)).toContainEqual(expect.objectContaining({ ok: false, why }));
  });
});
