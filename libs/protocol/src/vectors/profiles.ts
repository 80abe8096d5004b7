/** Cases of `profile`: the fields of a profile record, or a rejection. */
import { hexEncode } from '../bytes.ts';
import { decodeProfile, encodeProfile, parseProfile, type Profile } from '../profile.ts';
import { parseRecord } from '../record.ts';
import { validateRecord } from '../record-validation.ts';
import type { CaseFields } from './case-fields.ts';
import { expectAccept, expectBytes, expectReject, expectSame } from './expect.ts';

function describeProfile(profile: Profile): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(profile).map(([name, value]: [string, unknown]) => [
      name,
      value instanceof Uint8Array ? hexEncode(value) : value,
    ]),
  );
}

/** Runs one case of the set `profile`. */
export function runProfileCase(fields: CaseFields): void {
  const bytes = fields.hex('record');
  expectBytes('payload', parseRecord(bytes).payload, fields.hex('payload'));
  const record = expectAccept('record', () => validateRecord(bytes));
  if (!fields.accepts()) {
    fields.skip('fields');
    const error = expectReject('profile', () => parseProfile(record));
    expectSame('error code', error.code, 'profile');
    return;
  }
  const profile = expectAccept('profile', () => parseProfile(record));
  const want = fields.raw('fields');
  expectSame('fields', describeProfile(profile), want);
  const again = decodeProfile(encodeProfile(profile));
  expectSame('fields encoded and decoded', describeProfile(again), want);
}
