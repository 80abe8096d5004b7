/** `mosaic-admin records` on a data folder and on a real Redis and S3 server alike. */
import {
  encodeKind,
  encodeReference,
  encodeUserKey,
  generateSecretKey,
  hexEncode,
  publicKeyOf,
  type RecordView,
} from '@mosaic-cluster/protocol';
import { RemovedRecords, RestoredRecords } from '@mosaic-cluster/role';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aliceRecord, PRIVATE_TEXT } from '../../testing/filled-folder.ts';
import { PLACE_KINDS, type TestPlace } from '../../testing/test-places.ts';

const PLAIN = {
  applicationId: 99,
  duplicateHandling: 'unique',
  audience: 'everybody',
  printable: false,
} as const;
const OTHER_KIND = encodeKind({ ...PLAIN, applicationKind: 7 });
const PRIVATE_KIND = encodeKind({ ...PLAIN, applicationKind: 8, audience: 'author-only' });
const REPLACEABLE = encodeKind({
  ...PLAIN,
  applicationKind: 9,
  duplicateHandling: 'replaceable',
});

const idOf = ({ id }: RecordView): string => encodeReference(id);

interface ChangeTold {
  readonly results: readonly { readonly on: string; readonly outcome: string }[];
}

describe.each(PLACE_KINDS)('on $name', (kind) => {
  let place: TestPlace;
  let author: string;
  let posts: RecordView[];
  let others: RecordView[];
  let secret: RecordView;
  let profile: RecordView;
  beforeAll(() => kind.start(), 120_000);
  afterAll(() => kind.stop());
  beforeEach(async () => {
    place = await kind.place();
    const secretKey = generateSecretKey();
    const by = { secretKey, author: publicKeyOf(secretKey) };
    author = encodeUserKey(by.author);
    posts = [1, 2, 3].map((i) => aliceRecord({ ...by, payload: Buffer.from(`post ${i}`) }));
    others = [1, 2].map(() => aliceRecord({ ...by, kind: OTHER_KIND }));
    profile = aliceRecord({
      ...by,
      kind: REPLACEABLE,
      nonce: Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 1),
    });
    secret = aliceRecord({ ...by, kind: PRIVATE_KIND, payload: Buffer.from(PRIVATE_TEXT) });
    await place.store('outbox', [...posts, ...others, profile]);
    await place.store('inbox', [posts[0]!]);
    await place.store('encryption', [secret]);
  });

  const results = async (...args: string[]): Promise<ChangeTold['results']> =>
    (await place.json<ChangeTold>(['records', 'remove', ...args])).results;
  const outcomes = async (...args: string[]): Promise<string[]> =>
    (await results(...args)).map(({ outcome }) => outcome);
  const noted = async (): Promise<unknown[]> =>
    (await place.json<{ entries: unknown[] }>(['audit', 'list'])).entries;

  it('shows a record where it is, by its ID and by its address', async () => {
    const { code, stdout } = await place.admin(['records', 'show', idOf(posts[0]!)]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ {2}outbox, received .*\n {2}\d+ bytes at byte \d+ of /);
    expect(stdout).toMatch(/ {2}inbox, received /);
    expect(stdout).toContain('post 1');
    const told = await place.json(['records', 'show', hexEncode(profile.address)]);
    expect(told).toMatchObject({
      type: 'record',
      id: idOf(profile),
      role: 'outbox',
      removed: null,
      place: { bytes: profile.bytes.length },
    });
    const none = await place.admin(['records', 'show', idOf(aliceRecord())]);
    expect(none.code).toBe(2);
    expect(none.stderr).toMatch(/^moref0\S+ is not here\n$/);
  });

  it('shows of a private record that it is there, and nothing of what is in it', async () => {
    for (const json of [[], ['--json']]) {
      const { code, stdout } = await place.admin(['records', 'show', idOf(secret), ...json]);
      expect(code).toBe(0);
      expect(stdout).toContain('encryption');
      for (const word of [PRIVATE_TEXT, Buffer.from(PRIVATE_TEXT).toString('hex'), author]) {
        expect(stdout).not.toContain(word);
      }
    }
  });

  it('removes what is named, once, and keeps out what is not here', async () => {
    const absent = aliceRecord();
    const names = [idOf(posts[0]!), encodeReference(profile.address), hexEncode(absent.id)];
    const dry = await results(...names, '--dry-run');
    expect(dry.map(({ outcome }) => outcome)).toEqual(['removed', 'removed', 'kept-out']);
    expect(await noted()).toEqual([]);
    const why = ['--reason', 'court order', '--as', 'carol'];
    const done = await results(...names, ...why);
    expect(done).toEqual(dry);
    expect(done.map(({ on }) => on)).toEqual([posts[0]!, profile, absent].map(idOf));
    const ids = [idOf(posts[0]!), idOf(profile), idOf(absent)];
    expect(await outcomes(...ids)).toEqual(Array(3).fill('removed-already'));
    const facts = await place.facts();
    const [removal] = await new RemovedRecords(facts.registry).find([profile.id]);
    await facts.close();
    expect(removal).toMatchObject({ reason: 'court order', removedBy: 'carol' });
    expect(await noted()).toMatchObject([
      { by: 'carol', action: 'records remove', on: ids, detail: 'court order' },
    ]);
    const shown = await place.json(['records', 'show', idOf(profile)]);
    expect(shown).toMatchObject({ removed: { removedBy: 'carol' } });
    const seen: string[] = [];
    for (let next: string | null | undefined; next !== null; ) {
      const after = next === undefined ? [] : ['--after', next];
      const args = ['records', 'removed', '--limit', '2', ...after];
      type Page = { removals: { id: string }[]; next: string | null };
      const page: Page = await place.json<Page>(args);
      seen.push(...page.removals.map(({ id }) => id));
      next = page.next;
    }
    expect(seen.toSorted()).toEqual(ids.toSorted());
  });

  it('removes all of an author, of one kind or of all, once it is said that all are meant', async () => {
    const all = ['--author', author];
    const asked = await place.admin(['records', 'remove', ...all]);
    expect(asked.code).toBe(2);
    expect(asked.stderr).toMatch(/this is about 7 records\n.*--yes/);
    const ofKind = [...all, '--kind', hexEncode(OTHER_KIND)];
    const removed = await results(...ofKind, '--yes');
    expect(removed.map(({ on }) => on).toSorted()).toEqual(others.map(idOf).toSorted());
    expect(await outcomes(...all, '--dry-run')).toEqual(Array(5).fill('removed'));
    expect(await outcomes(...all, '--yes')).toEqual(Array(5).fill('removed'));
    expect(await outcomes(...all)).toEqual([]);
  });

  it('puts back what was removed, where it was, and lets in what is not here', async () => {
    const absent = aliceRecord();
    const ids = [posts[0]!, profile, secret, absent].map(idOf);
    await results(...ids);
    const restore = async (...args: string[]): Promise<ChangeTold['results']> =>
      (await place.json<ChangeTold>(['records', 'restore', ...args])).results;
    const dry = await restore(...ids, idOf(posts[1]!), '--dry-run');
    const expected = ['restored', 'restored', 'restored', 'let-in-again', 'not-removed'];
    expect(dry.map(({ outcome }) => outcome)).toEqual(expected);
    expect((await noted()).length).toBe(1);
    expect(await restore(...ids, idOf(posts[1]!), '--as', 'carol')).toEqual(dry);
    expect((await noted()).at(-1)).toMatchObject({
      by: 'carol',
      action: 'records restore',
      on: ids,
    });
    const facts = await place.facts();
    const waiting = async (role: string): Promise<string[]> => {
      const { restorations } = await new RestoredRecords(facts.registry, role).list();
      return restorations.map(({ id }) => encodeReference(id));
    };
    expect((await waiting('outbox')).toSorted()).toEqual([ids[0]!, ids[1]!].toSorted());
    expect(await waiting('inbox')).toEqual([ids[0]]);
    expect(await waiting('encryption')).toEqual([ids[2]]);
    expect(await new RemovedRecords(facts.registry).areRemoved([absent.id])).toEqual([false]);
    await facts.close();
    // Said once more, because no worker could.
    expect(await restore(ids[0]!)).toMatchObject([{ outcome: 'restored' }]);
    await results(idOf(posts[0]!), '--as', 'carol');
    await results(idOf(posts[1]!), idOf(posts[2]!), '--as', 'dave');
    const asked = await place.admin(['records', 'restore', '--since', '2026-01-01']);
    expect(asked.code).toBe(2);
    expect(asked.stderr).toMatch(/this is about 3 records\n.*--yes/);
    const ofDave = await restore('--since', '2026-01-01', '--by', 'dave', '--yes');
    expect(ofDave.map(({ on }) => on).toSorted()).toEqual(
      [posts[1]!, posts[2]!].map(idOf).toSorted(),
    );
    expect(await restore('--since', '2100-01-01', '--yes')).toEqual([]);
    const wrong = await place.admin(['records', 'restore', encodeReference(profile.address)]);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('that is an address');
  });

  it('finds what was removed by an older release in the segments', async () => {
    const before = await place.facts();
    await new RemovedRecords(before.registry).remove([posts[2]!.id]);
    await before.close();
    await place.unindex('outbox', posts[2]!);
    const { results: told } = await place.json<ChangeTold>(['records', 'restore', idOf(posts[2]!)]);
    expect(told).toMatchObject([{ outcome: 'restored' }]);
    const facts = await place.facts();
    const { restorations } = await new RestoredRecords(facts.registry, 'outbox').list();
    expect(restorations).toHaveLength(1);
    await facts.close();
  });

  it('does not guess what is meant', async () => {
    const wrong: readonly [string[], RegExp][] = [
      [['--author', author, idOf(posts[0]!)], /there are references too/],
      [['--kind', 'profile'], /--kind: says nothing without --author/],
      [
        [encodeReference(aliceRecord({ kind: REPLACEABLE }).address)],
        /no record is at that address/,
      ],
      [[idOf(posts[0]!), '--reason', 'a\nb'], /--reason: /],
    ];
    for (const [args, why] of wrong) {
      const { code, stderr } = await place.admin(['records', 'remove', ...args]);
      expect({ args, code }).toEqual({ args, code: 2 });
      expect(stderr).toMatch(why);
    }
  });
});
