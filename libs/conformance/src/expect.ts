/** What checks expect of answers, with failures that say what came instead. */
import {
  equalBytes,
  hexEncode,
  type RecordView,
  RESULT,
  type ResultName,
  resultName,
} from '@mosaic-cluster/protocol';
import { fail } from './check.ts';

/** A result code in words: `INVALID (36)`. */
export function describeResult(code: number): string {
  return `${resultName(code) ?? 'undefined code'} (${code})`;
}

/** Expects one of some result codes. */
export function expectResult(
  actual: number,
  expected: ResultName | readonly ResultName[],
  what: string,
): void {
  const names = typeof expected === 'string' ? [expected] : expected;
  if (names.some((name) => RESULT[name] === actual)) return;
  const wanted = names.map((name) => describeResult(RESULT[name])).join(' or ');
  fail(`${what}: expected ${wanted}, got ${describeResult(actual)}`);
}

/** Expects exactly these records, byte for byte, in this order. */
export function expectRecords(
  actual: readonly RecordView[],
  expected: readonly RecordView[],
  what: string,
): void {
  const isSame =
    actual.length === expected.length &&
    actual.every((record, i) => equalBytes(record.bytes, expected[i]!.bytes));
  if (!isSame)
    fail(`${what}: expected ${labels(expected, expected)}, got ${labels(actual, expected)}`);
}

/** Expects exactly these records, byte for byte, in any order, none twice. */
export function expectSameSet(
  actual: readonly RecordView[],
  expected: readonly RecordView[],
  what: string,
): void {
  expectRecords(newestFirst(actual), newestFirst(expected), what);
}

/** The records in the order in which a server must give them: descending ID. */
export function newestFirst(records: readonly RecordView[]): RecordView[] {
  return [...records].sort((a, b) => (hexEncode(a.id) < hexEncode(b.id) ? 1 : -1));
}

/** Names records by their place among the expected ones, so that a mix-up can be seen. */
function labels(records: readonly RecordView[], expected: readonly RecordView[]): string {
  if (records.length === 0) return 'no records';
  const shown = records.slice(0, 12).map((record) => label(record, expected));
  const more = records.length > 12 ? `, … ${records.length} in all` : '';
  return `[${shown.join(', ')}${more}]`;
}

function label(record: RecordView, expected: readonly RecordView[]): string {
  const place = expected.findIndex((other) => equalBytes(other.id, record.id));
  if (place < 0) return `a record that was not expected (${hexEncode(record.id.subarray(0, 12))}…)`;
  return equalBytes(expected[place]!.bytes, record.bytes) ? `#${place}` : `#${place} altered`;
}
