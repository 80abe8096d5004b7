/** The inbox's rules, one by one. */
import {
  buildRecord,
  coreTag,
  encodeKind,
  type PublicKey,
  publicKeyOf,
  type RecordView,
  type Reference,
  RESULT,
  type TagInput,
} from '@mosaic-cluster/protocol';
import type { Decision, DecisionLookup, PolicyContext } from '@mosaic-cluster/role';
import { describe, expect, it } from 'vitest';
import { inboxPolicy } from './policy.ts';

const secretOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const [USER, STRANGER, OTHER] = [
  publicKeyOf(secretOf(1)),
  publicKeyOf(secretOf(2)),
  publicKeyOf(secretOf(3)),
];

function kindFor(audience: 'everybody' | 'author-and-tagged'): Uint8Array {
  return encodeKind({
    applicationId: 99,
    applicationKind: 1,
    duplicateHandling: 'unique',
    audience,
    printable: false,
  });
}

const POST = buildRecord({ kind: kindFor('everybody'), timestamp: 1n, secretKey: secretOf(1) });

function fromStranger(
  tags: TagInput[],
  audience: 'everybody' | 'author-and-tagged' = 'everybody',
): RecordView {
  return buildRecord({ kind: kindFor(audience), timestamp: 5n, secretKey: secretOf(2), tags });
}

const notify = (key: PublicKey): TagInput => coreTag({ name: 'notify', key });
const reply = (reference: Reference): TagInput =>
  coreTag({ name: 'reply', kind: POST.kind, reference });

const isUser = (key: PublicKey): boolean => Buffer.compare(key, USER) === 0;

/** Serves one user, whose post it knows by its ID. */
const context: PolicyContext = {
  users: { serves: isUser, knows: isUser },
  authorsOf: async (references) =>
    references.flatMap((each) => {
      if ((each[0] ?? 0) >= 0x80) return [each.subarray(16)];
      return Buffer.compare(each, POST.id) === 0 ? [USER] : [];
    }),
};

const inbox = inboxPolicy('none');
const moderated = inboxPolicy('hold-strangers');

describe('the inbox', () => {
  it('accepts from strangers what notifies somebody it serves', async () => {
    expect(await inbox.judge(fromStranger([notify(OTHER), notify(USER)]), context)).toBe('accept');
    expect(await inbox.judge(fromStranger([notify(OTHER)]), context)).toBe(RESULT.UNAUTHORIZED);
  });

  it('accepts replies to somebody it serves, by address and by ID', async () => {
    expect(await inbox.judge(fromStranger([reply(POST.address)]), context)).toBe('accept');
    expect(await inbox.judge(fromStranger([reply(POST.id)]), context)).toBe('accept');
    const unknown = fromStranger([]).id;
    expect(await inbox.judge(fromStranger([reply(unknown)]), context)).toBe(RESULT.UNAUTHORIZED);
  });

  it('refuses what speaks to nobody, and private records', async () => {
    expect(await inbox.judge(fromStranger([]), context)).toBe(RESULT.UNAUTHORIZED);
    const secret = fromStranger([notify(USER)], 'author-and-tagged');
    expect(await inbox.judge(secret, context)).toBe(RESULT.UNAUTHORIZED);
    expect(inbox.mayRead({ record: secret, held: false }, [USER], context)).toBe(false);
  });

  it('serves everybody what is not held', async () => {
    const stored = { record: fromStranger([notify(USER)]), held: false };
    expect(inbox.mayRead(stored, [], context)).toBe(true);
    expect(await inbox.readers(stored, context)).toBeUndefined();
  });

  it('holds what strangers send where it moderates, and nothing of registered users', async () => {
    expect(await moderated.judge(fromStranger([notify(USER)]), context)).toBe('hold');
    const own = buildRecord({
      kind: kindFor('everybody'),
      timestamp: 5n,
      secretKey: secretOf(1),
      tags: [notify(USER)],
    });
    expect(await moderated.judge(own, context)).toBe('accept');
  });

  it.each([
    ['notified', [notify(USER)]],
    ['replied to by address', [reply(POST.address)]],
    ['replied to by ID', [reply(POST.id)]],
  ])('shows what is held to who is %s, and to nobody else', async (_, tags) => {
    const stored = { record: fromStranger(tags), held: true };
    expect(await moderated.mayRead(stored, [OTHER, USER], context)).toBe(true);
    for (const others of [[], [OTHER], [STRANGER]]) {
      expect(await moderated.mayRead(stored, others, context)).toBe(false);
    }
    const readers = await moderated.readers(stored, context);
    expect(readers?.map((key) => [...key])).toEqual([[...USER]]);
  });
});

describe('what a moderator decided', () => {
  const decisions = new Map<string, Decision>();
  const nameOf = (id: Uint8Array): string => Buffer.from(id).toString('hex');
  const lookups: Readonly<Record<string, DecisionLookup>> = {
    'in memory': { decisionOn: (id) => decisions.get(nameOf(id)) },
    elsewhere: { decisionOn: async (id) => decisions.get(nameOf(id)) },
  };

  it.each(Object.keys(lookups))('is heeded for what is held, where it is %s', async (where) => {
    const policy = inboxPolicy('hold-strangers', lookups[where]);
    const sent = (): RecordView => fromStranger([notify(USER)]);
    const [open, good, bad] = [sent(), sent(), sent()];
    decisions.set(nameOf(good.id), 'approved');
    decisions.set(nameOf(bad.id), 'rejected');
    const readable = async (record: RecordView): Promise<boolean[]> =>
      Promise.all(
        [[], [USER], [STRANGER]].map(async (who) =>
          policy.mayRead({ record, held: true }, who, context),
        ),
      );
    expect(await readable(good)).toEqual([true, true, true]);
    expect(await readable(bad)).toEqual([false, false, false]);
    expect(await readable(open)).toEqual([false, true, false]);
    expect(await policy.readers({ record: good, held: true }, context)).toBeUndefined();
    expect(await policy.readers({ record: bad, held: true }, context)).toEqual([]);
    expect(await policy.readers({ record: open, held: true }, context)).toHaveLength(1);
  });

  it('is not asked for what is not held', () => {
    const policy = inboxPolicy('hold-strangers', {
      decisionOn: () => {
        throw new Error('asked');
      },
    });
    const stored = { record: fromStranger([notify(USER)]), held: false };
    expect(policy.mayRead(stored, [], context)).toBe(true);
    expect(policy.readers(stored, context)).toBeUndefined();
  });
});
