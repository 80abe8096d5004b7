/** The outbox's rules, one by one. */
import {
  buildRecord,
  encodeKind,
  publicKeyOf,
  type RecordView,
  RESULT,
} from '@mosaic-cluster/protocol';
import type { PolicyContext } from '@mosaic-cluster/role';
import { describe, expect, it } from 'vitest';
import { outboxPolicy } from './policy.ts';

const SECRET = new Uint8Array(32).fill(1);
const AUTHOR = publicKeyOf(SECRET);
const lookup = { authorsOf: async () => [] };

function recordFor(audience: 'everybody' | 'author-and-tagged' | 'author-only'): RecordView {
  const kind = encodeKind({
    applicationId: 99,
    applicationKind: 1,
    duplicateHandling: 'unique',
    audience,
    printable: false,
  });
  return buildRecord({ kind, timestamp: 5n, secretKey: SECRET });
}

function serving(...keys: Uint8Array[]): PolicyContext {
  const serves = (key: Uint8Array): boolean => keys.some((each) => Buffer.compare(each, key) === 0);
  return { users: { serves, knows: serves }, ...lookup };
}

describe('the outbox', () => {
  it('accepts from those it serves', async () => {
    expect(await outboxPolicy.judge(recordFor('everybody'), serving(AUTHOR))).toBe('accept');
  });

  it('refuses those it does not serve', async () => {
    const verdict = await outboxPolicy.judge(recordFor('everybody'), serving());
    expect(verdict).toBe(RESULT.UNAUTHORIZED);
  });

  it('has no place for private records', async () => {
    for (const audience of ['author-and-tagged', 'author-only'] as const) {
      const record = recordFor(audience);
      expect(await outboxPolicy.judge(record, serving(AUTHOR))).toBe(RESULT.UNAUTHORIZED);
      expect(outboxPolicy.mayRead({ record, held: false }, [AUTHOR], lookup)).toBe(false);
    }
  });

  it('delivers to anybody, with no authentication', () => {
    const stored = { record: recordFor('everybody'), held: false };
    expect(outboxPolicy.mayRead(stored, [], lookup)).toBe(true);
    expect(outboxPolicy.readers(stored, lookup)).toBeUndefined();
    expect(outboxPolicy.isPrivate).toBe(false);
  });
});
