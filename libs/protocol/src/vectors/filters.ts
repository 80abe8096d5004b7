/** Cases of `filters-parse` and `filters-match`. */
import { parseFilter } from '../filter.ts';
import { buildFilter } from '../filter-build.ts';
import { compileFilter } from '../filter-match.ts';
import type { RecordView } from '../record.ts';
import { type CaseFields, isJsonObject, parseDecimal, VectorFailure } from './case-fields.ts';
import { expectAccept, expectBytes, expectReject, expectSame } from './expect.ts';
import { describeElements, elementInput } from './filter-elements.ts';

/** Runs one case of the set `filters-parse`. */
export function runFilterParseCase(fields: CaseFields): void {
  const bytes = fields.hex('filter');
  const remarks = fields.has('reason') ? fields.raw('reason') : [];
  if (!fields.accepts()) {
    fields.skip('elements', 'narrow');
    const error = expectReject('filter', () => parseFilter(bytes));
    expectSame('error code', error.code, 'filter');
    return;
  }
  const filter = expectAccept('filter', () => parseFilter(bytes));
  const want = fields.raw('elements');
  expectSame('elements', describeElements(filter), want);
  expectSame('narrow', filter.isNarrow, fields.boolean('narrow'));
  const inputs = fields.objects('elements').map(elementInput);
  const built = expectAccept('building', () => buildFilter(inputs));
  expectSame('elements of the built filter', describeElements(built), want);
  const isPlain = Array.isArray(remarks) && remarks.length === 0;
  if (isPlain) expectBytes('built filter', built.bytes, bytes);
}

/** Finds a record of `records-valid` by name. */
export type RecordLookup = (name: string) => RecordView;

/** Runs one case of the set `filters-match`. */
export function runFilterMatchCase(fields: CaseFields, recordNamed: RecordLookup): void {
  const bytes = fields.hex('filter');
  const filter = expectAccept('filter', () => parseFilter(bytes));
  expectSame('elements', describeElements(filter), fields.raw('elements'));
  const expected = fields.raw('expected');
  if (!isJsonObject(expected)) throw new VectorFailure('the field expected is no object');
  const received = fields.has('received_at') ? fields.raw('received_at') : {};
  if (!isJsonObject(received)) throw new VectorFailure('the field received_at is no object');
  const needsReceived = filter.elements.some(({ name }) => name.startsWith('received'));
  const matcher = compileFilter(filter);
  const count = { match: 0, noMatch: 0 };
  for (const [name, want] of Object.entries(expected)) {
    const at = received[name];
    if (needsReceived && at === undefined) throw new VectorFailure(`no received_at for ${name}`);
    const receivedAt = at === undefined ? 0n : parseDecimal(at, `received_at.${name}`);
    const got = matcher.matches(recordNamed(name), receivedAt);
    if (want === 'undecided') continue;
    if (typeof want !== 'boolean') throw new VectorFailure(`expected.${name} is no boolean`);
    expectSame(`match of ${name}`, got, want);
    count[got ? 'match' : 'noMatch'] += 1;
  }
  if (fields.has('match_count')) {
    expectSame('matches', count.match, fields.integer('match_count'));
  }
  if (fields.has('no_match_count')) {
    expectSame('other records', count.noMatch, fields.integer('no_match_count'));
  }
}
