/** `mosaic-admin moderation` on a data folder and on a real Redis and S3 server alike. */
import {
  coreTag,
  encodeReference,
  encodeUserKey,
  generateSecretKey,
  publicKeyOf,
  type PublicKey,
  type RecordInput,
  type RecordView,
  type SecretKey,
} from '@mosaic-cluster/protocol';
import { ModerationDecisions } from '@mosaic-cluster/role';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ALICE, aliceRecord } from '../../testing/filled-folder.ts';
import { PLACE_KINDS, type TestPlace } from '../../testing/test-places.ts';

const TO_ALICE = coreTag({ name: 'notify', key: publicKeyOf(ALICE) });

interface Sender {
  readonly secretKey: SecretKey;
  readonly author: PublicKey;
}
function sender(): Sender {
  const secretKey = generateSecretKey();
  return { secretKey, author: publicKeyOf(secretKey) };
}

function sent(by: Sender, input: Partial<RecordInput> = {}): RecordView {
  return aliceRecord({ ...by, tags: [TO_ALICE], ...input });
}

const idOf = ({ id }: RecordView): string => encodeReference(id);

interface ListTold {
  readonly records: readonly { readonly id: string; readonly author: string }[];
  readonly next: string | null;
}
interface ChangeTold {
  readonly results: readonly { readonly on: string; readonly outcome: string }[];
}

describe.each(PLACE_KINDS)('on $name', (kind) => {
  let place: TestPlace;
  let bob: Sender;
  let eve: Sender;
  let bobs: RecordView[];
  let eves: RecordView[];
  let free: RecordView;
  beforeAll(() => kind.start(), 120_000);
  afterAll(() => kind.stop());
  beforeEach(async () => {
    place = await kind.place();
    [bob, eve] = [sender(), sender()];
    bobs = Array.from({ length: 3 }, (_, i) => sent(bob, { payload: Buffer.from(`hello ${i}`) }));
    eves = Array.from({ length: 5 }, () => sent(eve));
    free = sent(sender());
    await place.store('inbox', [...bobs, ...eves], true);
    await place.store('inbox', [free]);
  });

  const waiting = async (...args: string[]): Promise<string[]> =>
    (await place.json<ListTold>(['moderation', 'list', ...args])).records.map(({ id }) => id);
  const outcomes = async (...args: string[]): Promise<string[]> =>
    (await place.json<ChangeTold>(['moderation', ...args])).results.map(({ outcome }) => outcome);
  const noted = async (): Promise<unknown[]> =>
    (await place.json<{ entries: unknown[] }>(['audit', 'list'])).entries;
  const decisionsOn = async (records: readonly RecordView[]): Promise<(string | undefined)[]> => {
    const facts = await place.facts();
    const found = await new ModerationDecisions(facts.registry).details(records.map((r) => r.id));
    await facts.close();
    return found.map((each) => each?.decision);
  };
  const keyOf = ({ author }: Sender): string => encodeUserKey(author);

  it('lists what waits, newest first, by author, by recipient, in pages', async () => {
    const newestFirst = [...bobs, ...eves].map(idOf).toReversed();
    expect(await waiting()).toEqual(newestFirst);
    expect(await waiting('--author', keyOf(bob))).toEqual(bobs.map(idOf).toReversed());
    expect(await waiting('--recipient', encodeUserKey(publicKeyOf(ALICE)))).toEqual(newestFirst);
    expect(await waiting('--recipient', keyOf(eve))).toEqual([]);
    const seen: string[] = [];
    for (let next: string | null | undefined; next !== null; ) {
      const after = next === undefined ? [] : ['--after', next];
      const page = await place.json<ListTold>(['moderation', 'list', '--limit', '3', ...after]);
      seen.push(...page.records.map(({ id }) => id));
      next = page.next;
    }
    expect(seen).toEqual(newestFirst);
  });

  it('shows a record readably, and what was decided', async () => {
    const [record] = bobs;
    const { stdout } = await place.admin(['moderation', 'show', idOf(record!)]);
    expect(stdout).toContain(`${idOf(record!)}\n  waits for a decision, received `);
    expect(stdout).toContain(keyOf(bob));
    expect(stdout).toContain('hello 0');
    await outcomes('reject', idOf(record!), '--as', 'carol');
    const told = await place.json(['moderation', 'show', idOf(record!)]);
    expect(told).toMatchObject({ held: true, decision: 'rejected', decidedBy: 'carol' });
    const { code, stderr } = await place.admin(['moderation', 'show', idOf(sent(bob))]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^moref0\S+ is not in the inbox\n$/);
  });

  it('decides on what is named, changes its mind, and notes both', async () => {
    const [first, second] = bobs as [RecordView, RecordView];
    const ids = [idOf(first), idOf(free), idOf(sent(bob))];
    const approve = ['approve', ...ids, '--as', 'carol'];
    expect(await outcomes(...approve)).toEqual(['approved', 'not-held', 'not-found']);
    expect(await outcomes(...approve)).toEqual(['decided-so-already', 'not-held', 'not-found']);
    expect(await outcomes('reject', '--file', '-')).toEqual([]);
    expect(await outcomes('reject', idOf(first), idOf(second))).toEqual(['rejected', 'rejected']);
    expect(await decisionsOn([first, second, free])).toEqual(['rejected', 'rejected', undefined]);
    expect(await waiting('--author', keyOf(bob))).toEqual([idOf(bobs[2]!)]);
    expect(await noted()).toMatchObject([
      { by: 'carol', action: 'moderation approve', on: [idOf(first)], result: '1 approved' },
      { action: 'moderation reject', on: [idOf(first), idOf(second)], result: '2 rejected' },
    ]);
  });

  it('decides on all of an author, once it is said that all are meant', async () => {
    const all = ['reject', '--author', keyOf(eve)];
    const asked = await place.admin(['moderation', ...all]);
    expect(asked.code).toBe(2);
    expect(asked.stderr).toMatch(/this is about 5 held records\n.*--yes/);
    const dry = await place.admin(['moderation', ...all, '--dry-run']);
    expect(dry.stdout).toContain('dry run, nothing was changed: 5 rejected');
    expect(await decisionsOn(eves)).toEqual(Array(5).fill(undefined));
    expect(await noted()).toEqual([]);
    expect(await outcomes(...all, '--yes')).toEqual(Array(5).fill('rejected'));
    expect(await waiting()).toEqual(bobs.map(idOf).toReversed());
    expect(await outcomes(...all)).toEqual([]);
  });

  it('does not guess what is meant', async () => {
    const { code, stderr } = await place.admin([
      'moderation',
      'reject',
      '--author',
      keyOf(eve),
      idOf(bobs[0]!),
    ]);
    expect(code).toBe(2);
    expect(stderr).toContain('there are IDs too');
    const nothing = await place.admin(['moderation', 'approve']);
    expect(nothing.code).toBe(2);
    expect(nothing.stderr).toContain('ID: nothing is named');
    const empty = await kind.place();
    const none = await empty.admin(['moderation', 'list']);
    expect([none.code, none.stdout + none.stderr]).toEqual(
      kind.name === 'a cluster' ? [0, 'nothing waits\n'] : [2, expect.stringContaining('no inbox')],
    );
  });
});
