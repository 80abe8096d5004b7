/** Cases of `keyschedule`: is the schedule valid, and which keys does it speak for? */
import { hexEncode } from '../bytes.ts';
import {
  KEY_ALGORITHM,
  KEY_ENTRY,
  KEY_MARKER,
  type KeySchedule,
  type KeyScheduleEntry,
  parseKeySchedule,
  signingKeyBelongs,
} from '../key-schedule.ts';
import { parseRecord } from '../record.ts';
import { validateRecord } from '../record-validation.ts';
import { type CaseFields, VectorFailure } from './case-fields.ts';
import { expectAccept, expectBytes, expectReject, expectSame } from './expect.ts';

function describeEntry(entry: KeyScheduleEntry): Readonly<Record<string, unknown>> {
  return {
    entry_kind: KEY_ENTRY[entry.kind],
    marker: KEY_MARKER[entry.marker],
    timestamp: String(entry.revokedAt),
    key: hexEncode(entry.key),
    alg: KEY_ALGORITHM[entry.algorithm],
  };
}

function runQuery(fields: CaseFields, schedule: KeySchedule): void {
  const key = fields.hex('key');
  const recordTimestamp = fields.decimal('record_timestamp');
  const receivedAt = fields.decimal('received_at');
  const expected = fields.text('expected');
  if (!['valid', 'invalid', 'undecided'].includes(expected)) {
    throw new VectorFailure(`unknown expectation "${expected}"`);
  }
  const { master } = schedule;
  const got = signingKeyBelongs(master, key, schedule, recordTimestamp, receivedAt);
  expectSame('answer of the schedule', schedule.admits(key, recordTimestamp, receivedAt), got);
  if (expected === 'undecided') return;
  const about = `${hexEncode(key.subarray(0, 4))}… dated ${recordTimestamp} received ${receivedAt}`;
  expectSame(`query ${about}`, got, expected === 'valid');
}

/** Runs one case of the set `keyschedule`. */
export function runKeyScheduleCase(fields: CaseFields): void {
  const bytes = fields.hex('record');
  const payload = fields.hex('payload');
  const master = fields.hex('master');
  const queries = fields.objects('queries');
  expectBytes('payload', parseRecord(bytes).payload, payload);
  if (!fields.boolean('schedule_valid')) {
    fields.skip('entries');
    if (queries.length > 0) throw new VectorFailure('an invalid schedule has queries');
    expectReject('schedule', () => parseKeySchedule(validateRecord(bytes)));
    return;
  }
  const record = expectAccept('record', () => validateRecord(bytes));
  const schedule = expectAccept('schedule', () => parseKeySchedule(record));
  expectBytes('master key', schedule.master, master);
  expectSame('entries', schedule.entries.map(describeEntry), fields.raw('entries'));
  for (const query of queries) runQuery(query, schedule);
}
