/** The encryption role's rules, one by one. */
import {
  buildRecord,
  coreTag,
  encodeKind,
  type PublicKey,
  publicKeyOf,
  type RecordView,
  RESULT,
} from '@mosaic-cluster/protocol';
import type { PolicyContext } from '@mosaic-cluster/role';
import { describe, expect, it } from 'vitest';
import { encryptionPolicy } from './policy.ts';

const secretOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const [AUTHOR, FRIEND, OTHER] = [1, 2, 3].map((n) => publicKeyOf(secretOf(n))) as [
  PublicKey,
  PublicKey,
  PublicKey,
];
const lookup = { authorsOf: async () => [] };

/** A record of the author that notifies the friend. */
function recordFor(audience: 'everybody' | 'author-and-tagged' | 'author-only'): RecordView {
  const kind = encodeKind({
    applicationId: 99,
    applicationKind: 1,
    duplicateHandling: 'unique',
    audience,
    printable: false,
  });
  const tags = [coreTag({ name: 'notify', key: FRIEND })];
  return buildRecord({ kind, timestamp: 5n, secretKey: secretOf(1), tags });
}

function serving(user: PublicKey): PolicyContext {
  const serves = (key: PublicKey): boolean => Buffer.compare(key, user) === 0;
  return { users: { serves, knows: serves }, ...lookup };
}

function readers(audience: 'everybody' | 'author-and-tagged' | 'author-only'): boolean[] {
  const stored = { record: recordFor(audience), held: false };
  return [[], [AUTHOR], [FRIEND], [OTHER], [OTHER, FRIEND]].map(
    (identities) => encryptionPolicy.mayRead(stored, identities, lookup) as boolean,
  );
}

describe('the encryption role', () => {
  it('accepts from strangers what somebody it serves may read', async () => {
    const record = recordFor('author-and-tagged');
    expect(await encryptionPolicy.judge(record, serving(AUTHOR))).toBe('accept');
    expect(await encryptionPolicy.judge(record, serving(FRIEND))).toBe('accept');
    expect(await encryptionPolicy.judge(record, serving(OTHER))).toBe(RESULT.UNAUTHORIZED);
  });

  it('accepts what is for its author only from those it serves, whoever is tagged', async () => {
    const record = recordFor('author-only');
    expect(await encryptionPolicy.judge(record, serving(AUTHOR))).toBe('accept');
    expect(await encryptionPolicy.judge(record, serving(FRIEND))).toBe(RESULT.UNAUTHORIZED);
  });

  it('has no place for what is for everybody', async () => {
    const record = recordFor('everybody');
    expect(await encryptionPolicy.judge(record, serving(AUTHOR))).toBe(RESULT.UNAUTHORIZED);
    expect(readers('everybody')).toEqual([false, false, false, false, false]);
  });

  it('serves the author and those tagged, once they authenticate, and nobody else, ever', () => {
    expect(readers('author-and-tagged')).toEqual([false, true, true, false, true]);
    expect(readers('author-only')).toEqual([false, true, false, false, false]);
  });

  it('delivers live to the same people', async () => {
    const namesFor = async (audience: 'author-and-tagged' | 'author-only') =>
      (await encryptionPolicy.readers({ record: recordFor(audience), held: false }, lookup))?.map(
        (key) => [...key],
      );
    expect(await namesFor('author-and-tagged')).toEqual([[...AUTHOR], [...FRIEND]]);
    expect(await namesFor('author-only')).toEqual([[...AUTHOR]]);
    expect(encryptionPolicy.isPrivate).toBe(true);
  });
});
