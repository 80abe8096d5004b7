/** Moderation on real storage: what waits, what a decision changes, and for whom. */
import { buildFilter, coreTag, type PublicKey, type RecordView } from '@mosaic-cluster/protocol';
import {
  type ObjectStore,
  openFileObjectStore,
  openMemoryRegistry,
  type Registry,
} from '@mosaic-cluster/store';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { moment, notify, person, record } from '../testing/people.ts';
import { moderatedPolicy, openPolicy } from '../testing/policies.ts';
import { idOf, TestRoles } from '../testing/test-roles.ts';
import { type Decision, ModerationDecisions, Moderator, type RolePolicy } from './index.ts';

const ALICE = person(0);
const BOB = person(1);
const CAROL = person(2);
const STRANGER = person(3);

let folder: string;
let store: ObjectStore;
let registry: Registry;
let decisions: ModerationDecisions;
let roles: TestRoles;
let moderator: Moderator;

/** Holds everything; asks the decisions as the inbox does. */
const policy: RolePolicy = {
  ...moderatedPolicy,
  mayRead: async (stored, identities, lookup) => {
    const decision = await decisions.decisionOn(stored.record.id);
    if (decision !== undefined) return decision === 'approved';
    return moderatedPolicy.mayRead(stored, identities, lookup);
  },
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-moderator-'));
  store = await openFileObjectStore({ directory: folder });
  registry = await openMemoryRegistry({ store });
  decisions = new ModerationDecisions(registry);
  roles = await TestRoles.open({
    policies: [openPolicy, policy],
    users: { knows: (key) => Buffer.compare(key, ALICE.key) === 0 },
  });
  moderator = desk();
});
afterEach(async () => {
  await roles.close();
  await registry.close();
  await store.close();
  await rm(folder, { recursive: true });
});

function desk(): Moderator {
  const { index, log } = roles.role('inbox');
  return new Moderator({ index, log, directory: roles.directory, decisions, bus: roles.bus });
}

let counter = 0;
function sent(to: typeof ALICE, from = STRANGER): RecordView {
  counter += 1;
  return record(from, { timestamp: moment(counter), tags: [notify(to)] });
}

async function waiting(
  filter: { author?: PublicKey; recipient?: PublicKey } = {},
  limit = 1000,
): Promise<string[]> {
  const ids: string[] = [];
  for (let below: Uint8Array | undefined; ; ) {
    const page = await moderator.held({ ...filter, below, limit });
    expect(page.records.length).toBeLessThanOrEqual(limit);
    ids.push(...page.records.map((each) => idOf(each.record)));
    if (page.next === undefined) return ids;
    below = page.next;
  }
}

function seenBy(reader?: PublicKey): Promise<string[]> {
  const filter = buildFilter([{ name: 'authors', keys: [STRANGER.key, BOB.key] }]);
  return roles.query('inbox', filter, reader);
}

describe('what waits', () => {
  it('is listed newest first, by author and by recipient, in pages', async () => {
    const post = record(CAROL, { timestamp: moment(1) });
    await roles.submit('outbox', [post]);
    const reply = coreTag({ name: 'reply', kind: post.kind, reference: post.id });
    const toAlice = Array.from({ length: 5 }, () => sent(ALICE));
    const toBob = Array.from({ length: 200 }, () => sent(BOB));
    const byBob = sent(ALICE, BOB);
    const replied = record(STRANGER, { timestamp: moment(9_000), tags: [reply] });
    const free = sent(BOB, ALICE);
    const held = [...toAlice, ...toBob, byBob, replied];
    await roles.submit('inbox', [...held, free]);
    const newestFirst = (records: readonly RecordView[]): string[] =>
      records.map(idOf).toSorted().toReversed();
    for (const limit of [1, 7, 1000]) {
      expect(await waiting({}, limit)).toEqual(newestFirst(held));
      const forAlice = await waiting({ recipient: ALICE.key }, limit);
      expect(forAlice).toEqual(newestFirst([...toAlice, byBob]));
    }
    expect(await waiting({ author: BOB.key })).toEqual([idOf(byBob)]);
    expect(await waiting({ recipient: CAROL.key })).toEqual([idOf(replied)]);
    expect(await waiting({ author: BOB.key, recipient: BOB.key })).toEqual([]);
  });

  it('no longer is what somebody decided on, after the index was made anew either', async () => {
    const held = Array.from({ length: 300 }, () => sent(ALICE));
    await roles.submit('inbox', held);
    const [open, ...decided] = held as [RecordView, ...RecordView[]];
    await moderator.reject(decided.map(({ id }) => id));
    expect(await waiting()).toEqual([idOf(open)]);
    await roles.restart(true);
    moderator = desk();
    const { index } = roles.role('inbox');
    expect(await index.scan({ path: 'held' }, { limit: 1000 })).toHaveLength(300);
    expect(await waiting({}, 1)).toEqual([idOf(open)]);
    expect(await index.scan({ path: 'held' }, { limit: 1000 })).toHaveLength(1);
  });

  it('loses what was decided where nobody could write to the index', async () => {
    const held = Array.from({ length: 5 }, () => sent(ALICE));
    await roles.submit('inbox', held);
    const ids = held.slice(1).map(({ id }) => id);
    const elsewhere = Array.from({ length: 1500 }, () => sent(ALICE).id);
    await decisions.decide([...ids, ...elsewhere], 'rejected');
    const { index } = roles.role('inbox');
    const paths = async (): Promise<number> =>
      (await index.scan({ path: 'held' }, { limit: 1000 })).length;
    await moderator.releaseDecided(() => true);
    expect(await paths()).toBe(5);
    await moderator.releaseDecided(() => false);
    expect(await paths()).toBe(1);
    expect((await moderator.show(ids)).map((each) => each?.held)).toEqual(ids.map(() => true));
  });
});

describe('a decision', () => {
  const decide = (decision: Decision, id: Uint8Array): Promise<unknown> =>
    decision === 'approved' ? moderator.approve([id], 'mo') : moderator.reject([id], 'mo');

  it('lets everybody read, or nobody, and may be changed', async () => {
    const held = sent(ALICE);
    await roles.submit('inbox', [held]);
    expect(await seenBy(ALICE.key)).toEqual([idOf(held)]);
    expect(await seenBy()).toEqual([]);
    for (const decision of ['approved', 'rejected', 'rejected', 'approved'] as const) {
      expect(await decide(decision, held.id)).toEqual(['decided']);
      const expected = decision === 'approved' ? [idOf(held)] : [];
      for (const reader of [undefined, ALICE.key, STRANGER.key]) {
        expect(await seenBy(reader)).toEqual(expected);
      }
      const [shown] = await moderator.show([held.id]);
      expect(shown).toMatchObject({ decision: { decision, decidedBy: 'mo' } });
    }
    expect(await roles.submit('inbox', [held])).toEqual(['DUPLICATE']);
  });

  it('publishes what was approved', async () => {
    const [good, bad] = [sent(ALICE), sent(ALICE)];
    await roles.submit('inbox', [good, bad]);
    roles.live.length = 0;
    await moderator.approve([good.id]);
    await moderator.reject([bad.id]);
    expect(roles.live.map((live) => [idOf(live.record), live.role, live.readers])).toEqual([
      [idOf(good), 'inbox', undefined],
    ]);
    roles.live.length = 0;
    await moderator.followUp([good.id, bad.id, record(ALICE).id]);
    expect(roles.live.map((live) => idOf(live.record))).toEqual([idOf(good)]);
  });

  it('says which records there is nothing to decide on', async () => {
    const [held, free] = [sent(ALICE), sent(BOB, ALICE)];
    await roles.submit('inbox', [held, free]);
    const ids = [free.id, held.id, sent(BOB).id];
    expect(await moderator.approve(ids)).toEqual(['not-held', 'decided', 'not-found']);
    expect((await moderator.show(ids)).map((each) => each?.decision?.decision)).toEqual([
      undefined,
      'approved',
      undefined,
    ]);
    expect(await decisions.details([free.id])).toEqual([undefined]);
    const invalid = { kind: 'invalid', code: 'moderation' };
    await expect(moderator.held({ limit: 0 })).rejects.toMatchObject(invalid);
    const many = Array.from({ length: 1001 }, () => held.id);
    await expect(moderator.show(many)).rejects.toMatchObject(invalid);
  });
});
