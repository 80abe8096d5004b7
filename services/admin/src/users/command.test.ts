/** `mosaic-admin users` and its audit log, on a data folder and on a real Redis and S3 server alike. */
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeServerKey, encodeUserKey, hexEncode, publicKeyOf } from '@mosaic-cluster/protocol';
import { RegisteredUsers } from '@mosaic-cluster/role';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { PLACE_KINDS, type TestPlace } from '../../testing/test-places.ts';

function key(n: number): Uint8Array {
  const secret = Buffer.alloc(32, 7);
  secret.writeUInt32BE(n);
  return publicKeyOf(secret);
}

const ALICE = key(1);
const BOB = key(2);
const [alice, bob] = [encodeUserKey(ALICE), encodeUserKey(BOB)];

interface ChangeTold {
  readonly results: readonly { readonly on: string; readonly outcome: string }[];
  readonly inEffect: boolean | null;
  readonly by: string;
}
interface UserTold {
  readonly key: string;
  readonly note: string;
  readonly addedBy: string;
}
interface ListTold {
  readonly users: readonly UserTold[];
  readonly next: string | null;
}
interface AuditTold {
  readonly entries: readonly {
    readonly at: string;
    readonly by: string;
    readonly action: string;
    readonly on: readonly string[];
    readonly detail: string;
    readonly result: string;
  }[];
}

describe.each(PLACE_KINDS)('on $name', (kind) => {
  let place: TestPlace;
  let folder: string;
  beforeAll(async () => {
    await kind.start();
    folder = await mkdtemp(join(tmpdir(), 'mosaic-users-'));
  }, 120_000);
  beforeEach(async () => {
    place = await kind.place();
  });
  afterAll(async () => {
    await kind.stop();
    await rm(folder, { recursive: true });
  });

  const users = async (): Promise<readonly UserTold[]> =>
    (await place.json<ListTold>(['users', 'list'])).users;
  const noted = async (...args: string[]): Promise<AuditTold['entries']> =>
    (await place.json<AuditTold>(['audit', 'list', ...args])).entries;

  it('adds users in every form of a key, and says so in the audit log', async () => {
    const forms = [alice, hexEncode(BOB), encodeServerKey(key(3)), hexEncode(ALICE)];
    const told = await place.json<ChangeTold>(['users', 'add', ...forms, '--as', 'carol']);
    expect(told.inEffect).toBe(true);
    const keys = [alice, bob, encodeUserKey(key(3))];
    expect(told.results).toEqual(keys.map((on) => ({ on, outcome: 'added' })));
    expect((await users()).map((user) => user.key).toSorted()).toEqual(keys.toSorted());
    expect(await noted()).toMatchObject([
      { by: 'carol', action: 'users add', on: keys, result: '3 added' },
    ]);
  });

  it('reads many from a file or standard input, with a note on each', async () => {
    const lines = Array.from({ length: 2500 }, (_, i) => `${encodeUserKey(key(i))} member ${i}`);
    const file = join(folder, 'members.txt');
    await writeFile(file, `# members\r\n\n  ${lines.join('\r\n')}\n`);
    const told = await place.json<ChangeTold>(['users', 'add', '--file', file, '--note', 'all']);
    expect(told.results).toHaveLength(2500);
    const facts = await place.facts();
    const [found] = await new RegisteredUsers(facts.registry).find([key(77)]);
    await facts.close();
    expect(found).toMatchObject({ note: 'member 77' });
    const entries = await noted();
    expect(entries.map(({ on }) => on.length)).toEqual([1000, 1000, 500]);
    expect(entries.flatMap(({ on }) => on)).toEqual(told.results.map(({ on }) => on));
    const removed = await place.json<ChangeTold>(
      ['users', 'remove', '--file', '-'],
      lines.slice(0, 3).join('\n'),
    );
    expect(removed.results.map(({ outcome }) => outcome)).toEqual(Array(3).fill('removed'));
  });

  it('lists page by page', async () => {
    const keys = Array.from({ length: 5 }, (_, i) => encodeUserKey(key(i)));
    await place.json(['users', 'add', ...keys]);
    const seen: string[] = [];
    for (let next: string | null | undefined; next !== null; ) {
      const after = next === undefined ? [] : ['--after', next];
      const page = await place.json<ListTold>(['users', 'list', '--limit', '2', ...after]);
      seen.push(...page.users.map((user) => user.key));
      next = page.next;
    }
    expect(seen.toSorted()).toEqual(keys.toSorted());
    const { stdout } = await place.admin(['users', 'list', '--limit', '2']);
    expect(stdout).toContain(`there are more: add --after ${seen[1]}`);
  });

  it('changes and notes nothing in a dry run, nor where there is nothing to change', async () => {
    const dry = await place.json<ChangeTold>(['users', 'add', alice, '--dry-run']);
    expect(dry).toMatchObject({ inEffect: null, results: [{ on: alice, outcome: 'added' }] });
    expect(await users()).toEqual([]);
    await place.json(['users', 'add', alice, '--note', 'Alice']);
    const again = await place.json<ChangeTold>(['users', 'add', alice]);
    expect(again.results).toEqual([{ on: alice, outcome: 'registered-already' }]);
    const other = await place.json<ChangeTold>(['users', 'remove', bob]);
    expect(other.results).toEqual([{ on: bob, outcome: 'not-registered' }]);
    expect(await users()).toMatchObject([{ key: alice, note: 'Alice' }]);
    expect(await noted()).toHaveLength(1);
    const text = await place.admin(['users', 'remove', alice, '--dry-run']);
    expect(text.stdout).toBe(`${alice}  removed\ndry run, nothing was changed: 1 removed\n`);
    expect(await users()).toHaveLength(1);
  });

  it('gives who is registered a new note, and keeps the one that is there', async () => {
    await place.json(['users', 'add', alice, '--note', 'first']);
    const told = await place.json<ChangeTold>(['users', 'add', alice, '--note', 'second']);
    expect(told.results).toEqual([{ on: alice, outcome: 'noted' }]);
    await place.json(['users', 'add', alice, bob]);
    expect(await users()).toContainEqual(expect.objectContaining({ key: alice, note: 'second' }));
  });

  it('shows who is registered, and that nothing is held', async () => {
    await place.json(['users', 'add', alice, '--note', '\u202Ereversed', '--as', 'carol']);
    const { stdout } = await place.admin(['users', 'show', alice, bob]);
    expect(stdout).toMatch(/^mopub0.*\n {2}registered .* by carol\n/);
    expect(stdout).toContain('\\u{202e}reversed');
    expect(stdout).toMatch(/\n {2}not registered\n/);
  });

  it('says what is wrong on a command line, and changes nothing then', async () => {
    const wrong: readonly [string[], RegExp][] = [
      [['add'], /KEY: nothing is named/],
      [['add', alice, 'mopub0short'], /KEY: /],
      [['add', alice, '--note', 'two\nlines'], /--note: it holds a line end/],
      [['add', alice, '--note', 'x'.repeat(1025)], /--note: it has 1025 bytes/],
      [['add', alice, '--as', 'x'.repeat(256)], /--as: it has 256 bytes/],
      [['add', alice, '--as', ' '], /--as: the name is empty/],
      [['add', '--file', '-'], /--file, line 2: /],
      [['list', '--after', 'x'], /--after: /],
    ];
    for (const [args, why] of wrong) {
      const { code, stdout, stderr } = await place.admin(['users', ...args], `${bob}\nnonsense\n`);
      expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' });
      expect(stderr).toMatch(why);
    }
    expect(await users()).toEqual([]);
    expect(await noted()).toEqual([]);
  });

  it('does not take a secret key, nor repeat it', async () => {
    const secret = 'mosec0dz4ncnnrpm8kse3iqsxykyc4rdh9wf5m19uuehjqbktwy1dw8peo';
    const { code, stderr } = await place.admin(['users', 'add', secret]);
    expect(code).toBe(2);
    expect(stderr).not.toContain(secret.slice(6));
  });

  it('filters the audit log by time and by who, and shows the newest of many', async () => {
    for (const by of ['carol', 'dave', 'carol']) {
      await place.json(['users', 'add', encodeUserKey(key(Math.random() * 1e9)), '--as', by]);
    }
    const all = await noted();
    expect(all.map(({ by }) => by)).toEqual(['carol', 'dave', 'carol']);
    expect(await noted('--by', 'dave')).toEqual([all[1]]);
    expect(await noted('--since', all[1]!.at)).toEqual(all.slice(1));
    expect(await noted('--before', all[1]!.at)).toEqual(all.slice(0, 1));
    expect(await noted('--limit', '1')).toEqual(all.slice(2));
    const { stdout } = await place.admin(['audit', 'list', '--limit', '2']);
    expect(stdout).toMatch(/^there are older ones: --before /);
    expect(stdout).toContain(`dave  users add: ${all[1]!.on[0]}; 1 added`);
  });

  it('prunes the audit log, and notes that', async () => {
    const many = Array.from({ length: 60 }, (_, i) => encodeUserKey(key(i)));
    await place.json(['users', 'add', ...many]);
    await place.json(['users', 'remove', many[0]!]);
    const last = (await noted()).at(-1)!.at;
    const dry = await place.json(['audit', 'prune', '--before', 'now', '--dry-run']);
    expect(dry).toMatchObject({ entries: 2, dryRun: true, inEffect: null });
    const pruned = await place.json(['audit', 'prune', '--before', last, '--as', 'carol']);
    expect(pruned).toMatchObject({ entries: 1, inEffect: true });
    expect(await noted()).toMatchObject([
      { action: 'users remove' },
      { action: 'audit prune', by: 'carol', detail: `before ${last}`, result: '1 removed' },
    ]);
    const none = await place.json(['audit', 'prune', '--before', '2001-01-01']);
    expect(none).toMatchObject({ entries: 0, inEffect: null });
    expect(await noted()).toHaveLength(2);
    const later = await place.admin(['audit', 'prune', '--before', '2200-01-01']);
    expect(later.code).toBe(2);
    expect(later.stderr).toContain('in the future');
  });
});

it('does not write what the server could not read', async () => {
  const [folder] = PLACE_KINDS;
  await folder!.start();
  const place = await folder!.place();
  const user = process.getuid!();
  const other = vi.spyOn(process, 'getuid').mockReturnValue(user + 1);
  try {
    const { code, stderr } = await place.admin(['users', 'add', alice]);
    expect(code).toBe(2);
    expect(stderr).toContain(`belongs to user ${user}, who could not read`);
    expect((await place.admin(['users', 'list'])).code).toBe(0);
    expect((await place.admin(['users', 'add', alice, '--dry-run'])).code).toBe(0);
  } finally {
    other.mockRestore();
    await folder!.stop();
  }
});
