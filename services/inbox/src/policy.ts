/**
 * The inbox: what strangers send to a user. It accepts public records from anybody that speak to
 * somebody it serves, may hold those of strangers for a moderator, and serves the rest to all. What is
 * held only its recipients see, until a moderator approves it for everybody or rejects it for everybody.
 */
import { equalBytes, type PublicKey, type RecordView, RESULT } from '@mosaic-cluster/protocol';
import {
  type AuthorLookup,
  type Decision,
  type DecisionLookup,
  notifiedKeys,
  type PolicyContext,
  type RolePolicy,
  repliedReferences,
} from '@mosaic-cluster/role';

/** Which records wait for a moderator: none, or those of authors that nobody registered. */
export type Moderation = (typeof moderationSetting)['values'][number];

/** The setting that says so. */
export const moderationSetting = {
  name: 'MOSAIC_MODERATION',
  type: 'enum',
  values: ['none', 'hold-strangers'],
  default: 'none',
  doc: 'Whether the inbox holds records of authors that are not registered, so that only their recipients see them.',
} as const;

/**
 * The rules of an inbox with a way of moderating.
 *
 * @param decisions what moderators decided; asked for held records only
 */
export function inboxPolicy(
  moderation: Moderation,
  decisions: DecisionLookup = UNDECIDED,
): RolePolicy {
  return {
    role: 'inbox',
    isPrivate: false,

    judge: async (record, context) => {
      if (record.audience !== 'everybody') return RESULT.UNAUTHORIZED;
      if (!(await speaksToServedUser(record, context))) return RESULT.UNAUTHORIZED;
      if (moderation === 'none' || (await context.users.knows(record.author))) return 'accept';
      return 'hold';
    },

    mayRead: ({ record, held }, identities, lookup) => {
      if (record.audience !== 'everybody') return false;
      if (!held) return true;
      const decision = decisions.decisionOn(record.id);
      return decision instanceof Promise
        ? decision.then((later) => mayReadHeld(record, later, identities, lookup))
        : mayReadHeld(record, decision, identities, lookup);
    },

    readers: ({ record, held }, lookup) => {
      if (!held) return undefined;
      const decision = decisions.decisionOn(record.id);
      return decision instanceof Promise
        ? decision.then((later) => readersOfHeld(record, later, lookup))
        : readersOfHeld(record, decision, lookup);
    },
  };
}

const UNDECIDED: DecisionLookup = { decisionOn: () => undefined };

function mayReadHeld(
  record: RecordView,
  decision: Decision | undefined,
  identities: readonly PublicKey[],
  lookup: AuthorLookup,
): boolean | Promise<boolean> {
  if (decision !== undefined) return decision === 'approved';
  if (identities.length === 0) return false;
  if (identities.some((key) => record.notifies(key))) return true;
  const replied = repliedReferences(record);
  if (replied.length === 0) return false;
  return lookup.authorsOf(replied).then((authors) => haveCommon(authors, identities));
}

function readersOfHeld(
  record: RecordView,
  decision: Decision | undefined,
  lookup: AuthorLookup,
): readonly PublicKey[] | undefined | Promise<readonly PublicKey[]> {
  if (decision === undefined) return recipientsOf(record, lookup);
  return decision === 'approved' ? undefined : [];
}

/** Whom a record speaks to: those it notifies and the authors of what it replies to. */
async function recipientsOf(record: RecordView, lookup: AuthorLookup): Promise<PublicKey[]> {
  return [...notifiedKeys(record), ...(await lookup.authorsOf(repliedReferences(record)))];
}

async function speaksToServedUser(record: RecordView, context: PolicyContext): Promise<boolean> {
  for (const key of notifiedKeys(record)) if (await context.users.serves(key)) return true;
  for (const author of await context.authorsOf(repliedReferences(record))) {
    if (await context.users.serves(author)) return true;
  }
  return false;
}

function haveCommon(some: readonly PublicKey[], others: readonly PublicKey[]): boolean {
  return some.some((key) => others.some((other) => equalBytes(key, other)));
}
