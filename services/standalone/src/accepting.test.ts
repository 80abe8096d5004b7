/** What an operator accepts, told to the embedded server by settings and met over real sockets. Needs a build. */
import { writeFile } from 'node:fs/promises';
import { encodeUserKey, timestampFromMillis } from '@mosaic-cluster/protocol';
import { afterEach, expect, it } from 'vitest';
import { author, kindWith, notifying, recordBy } from '../testing/authors.ts';
import { type ReadyLine, ServerLab, type Settings } from '../testing/server-process.ts';
import { TestClient } from '../testing/test-client.ts';

const [ALICE, BOB, CAROL] = [author(0), author(1), author(2)];
const DAY_MS = 86_400_000;

let lab = new ServerLab();
afterEach(async () => {
  await lab.close();
  lab = new ServerLab();
});

async function start(settings: Settings): Promise<ReadyLine> {
  return (await lab.start({ MOSAIC_DATA_DIR: await lab.folder(), ...settings })).ready;
}

const connect = ({ mtlsUrl }: ReadyLine, secret?: Uint8Array): Promise<TestClient> =>
  TestClient.connect(mtlsUrl ?? '', secret);

it('accepts what the rules do, more of registered users, and no more of an author than the budget', async () => {
  const ready = await start({
    MOSAIC_ACCEPT: 'outbox.bytes=1KiB, outbox.bytes.registered=10KiB, age=1d, kinds=!98',
    MOSAIC_BUDGETS: 'submissions.author.anonymous=1/d:2',
    MOSAIC_USERS: encodeUserKey(ALICE.key),
  });
  const client = await connect(ready);
  const large = { payload: new Uint8Array(2000) };
  const old = { timestamp: timestampFromMillis(Date.now() - 2 * DAY_MS) };
  const results = await client.submit(
    recordBy(ALICE, large),
    recordBy(BOB, large),
    recordBy(BOB, old),
    recordBy(BOB, { kind: kindWith({ applicationId: 98 }) }),
  );
  expect(results).toEqual(['ACCEPTED', 'TOO_LARGE', 'UNAUTHORIZED', 'UNAUTHORIZED']);
  const bobs = [await client.submit(recordBy(BOB)), await client.submit(recordBy(BOB))].flat();
  expect(bobs).toEqual(['ACCEPTED', 'ACCEPTED']);
  expect(await client.submit(recordBy(BOB), recordBy(CAROL))).toEqual(['TOO_FAST', 'ACCEPTED']);
  expect(await client.submit(recordBy(ALICE))).toEqual(['ACCEPTED']);
});

it('asks a program: refused is refused, and what it holds only its recipient sees', async () => {
  const program = `${await lab.folder()}-policy.mjs`;
  await writeFile(
    program,
    `import { createInterface } from 'node:readline';
for await (const line of createInterface({ input: process.stdin })) {
  const { id, payload } = JSON.parse(line);
  const [action, code] = Buffer.from(payload ?? '', 'base64').toString().split(' ');
  process.stdout.write(JSON.stringify({ id, action: action || 'accept', code }) + '\\n');
}`,
  );
  const ready = await start({
    MOSAIC_POLICY_HOOK: `${process.execPath} ${program}`,
    MOSAIC_POLICY_HOOK_TIMEOUT: '15s',
    MOSAIC_ADMISSION: 'registered',
    MOSAIC_USERS: encodeUserKey(ALICE.key),
  });
  const saying = (text: string): { readonly payload: Uint8Array } => ({
    payload: Buffer.from(text),
  });
  const [alice, anonymous] = [await connect(ready, ALICE.secret), await connect(ready)];
  const toAlice = { tags: [notifying(ALICE)] };
  const held = recordBy(BOB, { ...toAlice, ...saying('hold') });
  const results = await anonymous.submit(
    recordBy(ALICE, saying('accept')),
    recordBy(ALICE, saying('reject TOO_LARGE')),
    recordBy(ALICE, saying('reject')),
    recordBy(ALICE, saying('hold')),
    recordBy(ALICE, { kind: kindWith({ audience: 'author-only' }), ...saying('reject') }),
    held,
  );
  // Of the private one the program was not shown what it says.
  const [accepted, large, unwanted, outbox, secret, inbox] = results;
  expect([accepted, secret, inbox]).toEqual(['ACCEPTED', 'ACCEPTED', 'ACCEPTED']);
  expect([large, unwanted, outbox]).toEqual(['TOO_LARGE', 'UNAUTHORIZED', 'UNAUTHORIZED']);
  const byBob = { name: 'authors', keys: [BOB.key] } as const;
  expect((await alice.query(byBob)).ids).toHaveLength(1);
  expect((await anonymous.query(byBob)).ids).toEqual([]);
});

it.each([
  [{ MOSAIC_ACCEPT: 'inbox.size=5' }, 'MOSAIC_ACCEPT: the rule "inbox.size=5" is wrong'],
  [{ MOSAIC_POLICY_HOOK: 'policy --strict' }, 'MOSAIC_POLICY_HOOK: the program must be named'],
  [{ MOSAIC_POLICY_HOOK: '/nowhere/policy' }, 'the policy hook "/nowhere/policy" is no program'],
])('does not start with %j', async (settings, why) => {
  const error = await start(settings).catch((reason) => String(reason).replaceAll('\\', ''));
  expect(error).toContain(why);
});
