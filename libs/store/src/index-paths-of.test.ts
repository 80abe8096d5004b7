/** The paths that a check asks for are those that adding a record writes to, all of them. */
import {
  attestSubkey,
  buildKeySchedule,
  buildRecord,
  coreTag,
  encodeKind,
  hexEncode,
  publicKeyOf,
  type RecordView,
} from '@mosaic-cluster/protocol';
import { expect, it } from 'vitest';
import { headKeyOf, visitHeadKeys } from './index-path.ts';
import { indexPathsOf } from './index-paths-of.ts';
import { PLAIN_SPEC, recordOf } from './record-index-fixture.ts';

const MASTER = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);

function writtenKeys(record: RecordView): string[] {
  const keys: string[] = [];
  visitHeadKeys(record, false, (buffer, length) => keys.push(buffer.toString('hex', 0, length)));
  return keys.sort();
}

function askedKeys(record: RecordView): string[] {
  const keys: string[] = [];
  for (const path of indexPathsOf(record)) {
    if (path.path !== 'all') keys.push(hexEncode(headKeyOf(path)));
  }
  return keys.sort();
}

function namesOf(record: RecordView): string[] {
  return indexPathsOf(record).map(({ path }) => path);
}

it.each([
  ['a plain record', {}],
  ['one signed by another key', { signer: 2 }],
  ['one with tags, short and long', { tags: [0, 1, 2, 3, 4, 5, 11] }],
  ['a replaceable one', { kind: 1 }],
])('are the same for %s', (_, spec) => {
  const record = recordOf({ ...PLAIN_SPEC, ...spec });
  expect(askedKeys(record)).toEqual(writtenKeys(record));
  expect(namesOf(record)[0]).toBe('all');
});

it('are the same where a Notify tag has odd reserved bytes', () => {
  const notify = coreTag({ name: 'notify', key: publicKeyOf(OTHER) });
  const value = Uint8Array.from(notify.value);
  value[1] = 7;
  const kind = encodeKind({
    applicationId: 99,
    applicationKind: 1,
    duplicateHandling: 'unique',
    audience: 'everybody',
    printable: false,
  });
  const tags = [notify, { type: notify.type, value }];
  const record = buildRecord({ kind, timestamp: 5n, tags, secretKey: MASTER });
  expect(namesOf(record).filter((name) => name === 'odd-notify')).toHaveLength(1);
  expect(askedKeys(record)).toEqual(writtenKeys(record));
});

it('are the same for a key schedule', () => {
  const attestation = attestSubkey(OTHER, publicKeyOf(MASTER));
  const entries = [{ marker: 'activeSigning', attestation } as const];
  const record = buildKeySchedule({ masterSecretKey: MASTER, timestamp: 5n, entries });
  expect(namesOf(record)).toContain('subkey');
  expect(askedKeys(record)).toEqual(writtenKeys(record));
});
