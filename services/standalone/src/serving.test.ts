/** The embedded server end to end: what roles owe their users, over real sockets. Needs a build. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  attestSubkey,
  buildKeySchedule,
  coreTag,
  encodeUserKey,
  hexEncode,
  type RecordView,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { ModerationDecisions, RegisteredUsers } from '@mosaic-cluster/role';
import {
  type ObjectStore,
  openFileObjectStore,
  openMemoryRegistry,
  type Registry,
} from '@mosaic-cluster/store';
import { afterEach, describe, expect, it } from 'vitest';
import { type Author, author, kindWith, notifying, recordBy } from '../testing/authors.ts';
import {
  type ReadyLine,
  ServerLab,
  type ServerProcess,
  type Settings,
} from '../testing/server-process.ts';
import { TestClient } from '../testing/test-client.ts';

const [ALICE, BOB, CAROL, SUBKEY] = [author(0), author(1), author(2), author(3)];
const SECRET = kindWith({ audience: 'author-and-tagged' });

let lab = new ServerLab();
let server: ServerProcess;
let ready: ReadyLine;
let settings: Settings;
afterEach(async () => {
  await lab.close();
  lab = new ServerLab();
});

async function start(more: Settings = {}): Promise<void> {
  settings = { MOSAIC_DATA_DIR: await lab.folder(), ...more };
  ({ server, ready } = await lab.start(settings));
}

async function restart(more: Settings = {}): Promise<void> {
  await server.stop();
  ({ server, ready } = await lab.start({ ...settings, ...more }));
}

function connect(who?: Author): Promise<TestClient> {
  return TestClient.connect(ready.mtlsUrl ?? '', who?.secret);
}

const idOf = (record: RecordView): string => hexEncode(record.id);

function attested(
  marker: 'activeSigning' | 'revokedAll',
  agoMs: number,
  master = ALICE,
): RecordView {
  const attestation = attestSubkey(SUBKEY.secret, master.key);
  return buildKeySchedule({
    masterSecretKey: master.secret,
    timestamp: timestampFromMillis(Date.now() - agoMs),
    entries: [{ marker, attestation, revokedAt: 1n }],
  });
}

describe('everybody', () => {
  it('publishes, gets, queries and subscribes', async () => {
    await start();
    const [writer, reader] = [await connect(), await connect()];
    const [first, second] = [recordBy(ALICE), recordBy(ALICE)];
    expect(await writer.submit(first)).toEqual(['ACCEPTED']);
    expect(await writer.submit(first)).toEqual(['DUPLICATE']);
    const live = await reader.subscribe({ name: 'authors', keys: [ALICE.key] });
    expect(live).toMatchObject({ ids: [idOf(first)], result: 'LOCALLY_COMPLETE' });
    expect(await writer.submit(second)).toEqual(['ACCEPTED']);
    await expect.poll(() => live.ids).toEqual([idOf(first), idOf(second)]);
    const stored = await reader.query({ name: 'kinds', kinds: [kindWith()] });
    expect(stored.ids.toSorted()).toEqual([first, second].map(idOf).toSorted());
    expect((await reader.get(first.id, second.address)).ids).toHaveLength(2);
  });

  it('is told NO_CONSUMERS of what nobody hears', async () => {
    await start();
    const client = await connect();
    const kind = kindWith({ duplicateHandling: 'ephemeral' });
    expect(await client.submit(recordBy(ALICE, { kind }))).toEqual(['NO_CONSUMERS']);
    const live = await client.subscribe({ name: 'kinds', kinds: [kind] });
    expect(await client.submit(recordBy(ALICE, { kind }))).toEqual(['ACCEPTED']);
    await expect.poll(() => live.ids).toHaveLength(1);
  });

  it('is refused what is dated too far ahead', async () => {
    await start({ MOSAIC_FUTURE_MAX: '10m' });
    const client = await connect();
    const at = (minutes: number): RecordView =>
      recordBy(ALICE, { timestamp: timestampFromMillis(Date.now() + minutes * 60_000) });
    expect(await client.submit(at(9), at(11))).toEqual(['ACCEPTED', 'INVALID']);
  });
});

describe('records sent right behind the key schedule that allows them', () => {
  it('are taken, public and private', async () => {
    await start();
    const client = await connect(SUBKEY);
    const masters = Array.from({ length: 10 }, (_, n) => author(20 + n));
    for (const master of masters) {
      const bySubkey = { secretKey: SUBKEY.secret, author: master.key };
      const results = await client.submit(
        attested('activeSigning', 0, master),
        recordBy(SUBKEY, bySubkey),
        recordBy(SUBKEY, { ...bySubkey, kind: SECRET, fromAuthor: true }),
      );
      expect(results).toEqual(['ACCEPTED', 'ACCEPTED', 'ACCEPTED']);
    }
  });
});

describe('private records', () => {
  it('are read by their author and those they notify, and by nobody else', async () => {
    await start();
    const odd = notifying(CAROL);
    const tags = [
      notifying(BOB),
      { type: odd.type, value: odd.value.map((byte, i) => (i === 0 ? 9 : byte)) },
    ];
    const secret = recordBy(ALICE, { kind: SECRET, tags });
    expect(await (await connect()).submit(secret)).toEqual(['ACCEPTED']);
    for (const who of [undefined, SUBKEY]) {
      const client = await connect(who);
      expect((await client.get(secret.id, secret.address)).result).toBe('NOT_FOUND');
      expect((await client.query({ name: 'authors', keys: [ALICE.key] })).ids).toEqual([]);
    }
    for (const who of [ALICE, BOB, CAROL]) {
      const client = await connect(who);
      expect((await client.get(secret.id)).ids).toEqual([idOf(secret)]);
      expect((await client.query({ name: 'authors', keys: [ALICE.key] })).ids).toEqual([
        idOf(secret),
      ]);
    }
  });
});

describe('subkeys', () => {
  it('sign and read for their master, until they are revoked', async () => {
    await start();
    const client = await connect(SUBKEY);
    const signed = recordBy(SUBKEY, { author: ALICE.key });
    const own = recordBy(ALICE, { fromAuthor: true });
    const secret = recordBy(ALICE, { kind: SECRET });
    expect(await client.submit(signed, own)).toEqual(['UNAUTHORIZED', 'UNAUTHORIZED']);
    expect(await client.submit(attested('activeSigning', 2000), signed, own, secret)).toEqual(
      Array(4).fill('ACCEPTED'),
    );
    expect((await client.get(signed.id, secret.id)).ids).toHaveLength(2);
    expect(await client.submit(attested('revokedAll', 1000))).toEqual(['ACCEPTED']);
    expect((await client.get(signed.id, secret.id)).result).toBe('NOT_FOUND');
    expect(await client.submit(signed)).toEqual(['UNAUTHORIZED']);
    await restart();
    expect((await (await connect(SUBKEY)).get(signed.id, secret.id)).result).toBe('NOT_FOUND');
  });

  it('keep signing for a role while the one with the key schedules is not played', async () => {
    await start();
    const signed = recordBy(SUBKEY, { author: ALICE.key, kind: SECRET });
    expect(await (await connect()).submit(attested('activeSigning', 1000), signed)).toEqual([
      'ACCEPTED',
      'ACCEPTED',
    ]);
    await restart({ MOSAIC_ROLES: 'encryption' });
    const client = await connect(SUBKEY);
    expect((await client.get(signed.id)).ids).toEqual([idOf(signed)]);
    expect(await client.submit(recordBy(ALICE))).toEqual(['UNAUTHORIZED']);
  });
});

describe('registered admission', () => {
  it('takes what its users publish and what others send to them', async () => {
    await start({ MOSAIC_ADMISSION: 'registered', MOSAIC_USERS: encodeUserKey(ALICE.key) });
    const client = await connect();
    const post = recordBy(ALICE);
    const reply = coreTag({ name: 'reply', kind: post.kind, reference: post.id });
    const results = await client.submit(
      post,
      recordBy(BOB),
      recordBy(BOB, { tags: [notifying(ALICE)] }),
      recordBy(BOB, { tags: [notifying(CAROL)] }),
      recordBy(BOB, { kind: SECRET, tags: [notifying(ALICE)] }),
      recordBy(BOB, { kind: SECRET }),
    );
    expect(results).toEqual([
      'ACCEPTED',
      'UNAUTHORIZED',
      'ACCEPTED',
      'UNAUTHORIZED',
      'ACCEPTED',
      'UNAUTHORIZED',
    ]);
    expect(await client.submit(recordBy(BOB, { tags: [reply] }))).toEqual(['ACCEPTED']);
  });

  it('shows what strangers sent to their recipients only, where they are held', async () => {
    await start({
      MOSAIC_ADMISSION: 'registered',
      MOSAIC_USERS: encodeUserKey(ALICE.key),
      MOSAIC_MODERATION: 'hold-strangers',
    });
    const [anonymous, alice, bob] = [await connect(), await connect(ALICE), await connect(BOB)];
    const post = recordBy(ALICE);
    const reply = coreTag({ name: 'reply', kind: post.kind, reference: post.id });
    const live = await alice.subscribe({ name: 'authors', keys: [BOB.key] });
    const held = [recordBy(BOB, { tags: [notifying(ALICE)] }), recordBy(BOB, { tags: [reply] })];
    expect(await anonymous.submit(post)).toEqual(['ACCEPTED']);
    expect(await anonymous.submit(...held)).toEqual(['ACCEPTED', 'ACCEPTED']);
    const ids = held.map(idOf).toSorted();
    await expect.poll(() => live.ids.toSorted()).toEqual(ids);
    const byBob = { name: 'authors', keys: [BOB.key] } as const;
    expect((await alice.query(byBob)).ids.toSorted()).toEqual(ids);
    expect((await anonymous.query(byBob)).ids).toEqual([]);
    expect((await bob.query(byBob)).ids).toEqual([]);
  });
});

describe('the registry, changed beside the server', () => {
  let registry: Registry;
  let store: ObjectStore;
  const change = async (): Promise<void> => {
    store = await openFileObjectStore({ directory: join(ready.dataDir, 'objects') });
    registry = await openMemoryRegistry({ store });
  };
  afterEach(async () => {
    await registry.close();
    await store.close();
  });

  it('has users come and go without a restart, besides those that the settings name', async () => {
    await start({ MOSAIC_ADMISSION: 'registered', MOSAIC_USERS: encodeUserKey(ALICE.key) });
    await change();
    const client = await connect();
    const users = new RegisteredUsers(registry);
    const submit = async (): Promise<unknown> => client.submit(recordBy(ALICE), recordBy(BOB));
    expect(await submit()).toEqual(['ACCEPTED', 'UNAUTHORIZED']);
    await users.add([{ key: BOB.key, note: 'a friend' }]);
    await expect.poll(submit, { timeout: 1_500 }).toEqual(['ACCEPTED', 'ACCEPTED']);
    await users.remove([BOB.key, ALICE.key]);
    await expect.poll(submit, { timeout: 1_500 }).toEqual(['ACCEPTED', 'UNAUTHORIZED']);
    await users.add([{ key: BOB.key }]);
    await restart();
    expect(await (await connect()).submit(recordBy(BOB))).toEqual(['ACCEPTED']);
  });

  it('shows everybody what was approved, at once, and nobody what was rejected', async () => {
    await start({
      MOSAIC_ADMISSION: 'registered',
      MOSAIC_USERS: encodeUserKey(ALICE.key),
      MOSAIC_MODERATION: 'hold-strangers',
    });
    await change();
    const byBob = { name: 'authors', keys: [BOB.key] } as const;
    const [anonymous, alice] = [await connect(), await connect(ALICE)];
    const live = await anonymous.subscribe(byBob);
    const toAlice = { tags: [notifying(ALICE)] };
    const [good, bad, open] = [
      recordBy(BOB, toAlice),
      recordBy(BOB, toAlice),
      recordBy(BOB, toAlice),
    ];
    expect(await alice.submit(good, bad, open)).toEqual(['ACCEPTED', 'ACCEPTED', 'ACCEPTED']);
    expect((await alice.query(byBob)).ids).toHaveLength(3);
    const decisions = new ModerationDecisions(registry);
    await decisions.decide([bad.id], 'rejected');
    await decisions.decide([good.id], 'approved', 'the test');
    await expect.poll(() => live.ids, { timeout: 1_500 }).toEqual([idOf(good)]);
    expect((await anonymous.query(byBob)).ids).toEqual([idOf(good)]);
    expect((await alice.query(byBob)).ids.toSorted()).toEqual([good, open].map(idOf).toSorted());
    expect((await alice.get(bad.id)).result).toBe('NOT_FOUND');
    await restart();
    expect((await (await connect()).query(byBob)).ids).toEqual([idOf(good)]);
  });
});

describe('roles that are not played', () => {
  it.each([
    ['outbox', 'ACCEPTED', 'UNAUTHORIZED', 'UNAUTHORIZED'],
    ['inbox', 'UNAUTHORIZED', 'ACCEPTED', 'UNAUTHORIZED'],
    ['encryption', 'UNAUTHORIZED', 'UNAUTHORIZED', 'ACCEPTED'],
  ] as const)('take nothing: only %s', async (role, post, message, secret) => {
    await start({
      MOSAIC_ROLES: role,
      MOSAIC_ADMISSION: 'registered',
      MOSAIC_USERS: encodeUserKey(ALICE.key),
    });
    const client = await connect();
    expect(
      await client.submit(
        recordBy(ALICE),
        recordBy(BOB, { tags: [notifying(ALICE)] }),
        recordBy(BOB, { kind: SECRET, tags: [notifying(ALICE)] }),
      ),
    ).toEqual([post, message, secret]);
  });
});

it('makes the index anew where it is gone', async () => {
  await start();
  const client = await connect();
  const kind = kindWith({ duplicateHandling: 'replaceable' });
  const nonce = new Uint8Array(8);
  const older = recordBy(ALICE, { kind, nonce, timestamp: timestampFromMillis(Date.now() - 5000) });
  const newer = recordBy(ALICE, { kind, nonce });
  const posts = Array.from({ length: 50 }, () => recordBy(BOB));
  await client.submit(older, newer, ...posts);
  const authors = { name: 'authors', keys: [ALICE.key, BOB.key] } as const;
  const before = (await client.query(authors)).ids;
  expect(before).toHaveLength(51);
  await server.stop();
  await rm(join(ready.dataDir, 'index'), { recursive: true });
  ({ server, ready } = await lab.start(settings));
  expect((await (await connect()).query(authors)).ids).toEqual(before);
});
