/** Abuse control of the embedded server, over real sockets: what abusers and honest people meet. Needs a build. */
import { join } from 'node:path';
import { Bans, type BanSubject, parseAddressRange } from '@mosaic-cluster/abuse';
import { encodeUserKey, RecordView } from '@mosaic-cluster/protocol';
import { RegisteredUsers } from '@mosaic-cluster/role';
import {
  type ObjectStore,
  openFileObjectStore,
  openMemoryRegistry,
  type Registry,
} from '@mosaic-cluster/store';
import { afterEach, describe, expect, it } from 'vitest';
import { type Author, author, recordBy } from '../testing/authors.ts';
import { type ReadyLine, ServerLab, type Settings } from '../testing/server-process.ts';
import { TestClient } from '../testing/test-client.ts';

const [ALICE, BOB, MALLORY] = [author(0), author(1), author(2)];
/** Abusers and their neighbours are at the first address, everybody else is at the second. */
const [HERE, ELSEWHERE] = ['127.0.0.1', '127.0.0.2'];

/** A busy machine takes its time. */
const WAIT = { timeout: 20_000 };

let lab = new ServerLab();
let ready: ReadyLine;
let store: ObjectStore;
let registry: Registry;
afterEach(async () => {
  await registry.close();
  await store.close();
  await lab.close();
  lab = new ServerLab();
});

/** Starts a server that allows nobody by default, and opens the registry beside it. */
async function start(more: Settings = {}): Promise<void> {
  const settings = { MOSAIC_DATA_DIR: await lab.folder(), MOSAIC_ALLOWED: 'none', ...more };
  ({ ready } = await lab.start(settings));
  store = await openFileObjectStore({ directory: join(settings.MOSAIC_DATA_DIR, 'objects') });
  registry = await openMemoryRegistry({ store });
}

function connect(address: string, who?: Author): Promise<TestClient> {
  return TestClient.connect(ready.mtlsUrl ?? '', who?.secret, address);
}

async function ban(subject: BanSubject, forMs?: number): Promise<void> {
  const untilMs = forMs === undefined ? undefined : Date.now() + forMs;
  await new Bans(registry).add([{ subject, untilMs }]);
}

/** A record whose signature is wrong. */
function forged(): RecordView {
  const bytes = Uint8Array.from(recordBy(MALLORY).bytes);
  bytes[bytes.length - 1]! ^= 1;
  return new RecordView(bytes);
}

/** Sends wrong records until the server has enough of it. */
async function misbehave(client: TestClient): Promise<string | undefined> {
  for (let n = 0; n < 100 && !client.isClosed; n++) await client.submit(forged()).catch(() => {});
  return client.closing;
}

async function isServed(client: TestClient): Promise<boolean> {
  const record = recordBy(ALICE);
  const results = await client.submit(record);
  return results[0] === 'ACCEPTED' && (await client.get(record.id)).ids.length === 1;
}

describe('a ban by an operator', () => {
  it('reaches who is connected and who comes, with its word, until it ends', async () => {
    await start();
    const [here, elsewhere] = [await connect(HERE, ALICE), await connect(ELSEWHERE)];
    await ban(parseAddressRange(HERE), 3_600_000);
    expect(await here.closed()).toBe('IP_TEMP_BANNED');
    expect(await (await connect(HERE)).closed()).toBe('IP_TEMP_BANNED');
    await ban(parseAddressRange(HERE));
    await expect.poll(async () => (await connect(HERE)).closed(), WAIT).toBe('IP_PERM_BANNED');
    expect(await isServed(elsewhere)).toBe(true);
    await new Bans(registry).remove([parseAddressRange(HERE)]);
    await expect
      .poll(
        async () => (await connect(HERE)).get(recordBy(ALICE).id).catch(() => 'turned away'),
        WAIT,
      )
      .toMatchObject({ result: 'NOT_FOUND' });
  });

  it('of a key reaches it wherever it is, and nobody beside it', async () => {
    await start();
    const [mallory, bob] = [await connect(HERE, MALLORY), await connect(HERE, BOB)];
    await ban(MALLORY.key, 3_600_000);
    expect(await mallory.closed()).toBe('PUBKEY_TEMP_BANNED');
    await ban(MALLORY.key);
    await expect
      .poll(async () => (await connect(ELSEWHERE, MALLORY)).closed(), WAIT)
      .toBe('PUBKEY_PERM_BANNED');
    expect(await isServed(bob)).toBe(true);
  });

  it('does not reach who is allowed', async () => {
    await start({ MOSAIC_ALLOWED: '127.0.0.2/32' });
    await new Bans(registry, 'allowed').add([{ subject: ALICE.key }]);
    const bob = await connect(HERE, BOB);
    await ban(parseAddressRange('127.0.0.0/8'));
    expect(await bob.closed()).toBe('IP_PERM_BANNED');
    for (const client of [await connect(HERE, ALICE), await connect(ELSEWHERE)]) {
      expect(await isServed(client)).toBe(true);
    }
  });
});

describe('a ban that somebody earns', () => {
  it('spares who proves a key at the same address, and ends', async () => {
    await start({ MOSAIC_BAN_FIRST: '3s' });
    const [abuser, stranger, alice] = [
      await connect(HERE),
      await connect(HERE),
      await connect(HERE, ALICE),
    ];
    expect(await misbehave(abuser)).toBe('IP_TEMP_BANNED');
    expect(await stranger.closed()).toBe('IP_TEMP_BANNED');
    expect(await isServed(alice)).toBe(true);
    expect(await isServed(await connect(HERE, BOB))).toBe(true);
    expect(await isServed(await connect(ELSEWHERE))).toBe(true);
    await expect
      .poll(async () => isServed(await connect(HERE)).catch(() => false), WAIT)
      .toBe(true);
  });

  it('with a key is of the key', async () => {
    await start();
    expect(await misbehave(await connect(HERE, MALLORY))).toBe('PUBKEY_TEMP_BANNED');
    expect(await (await connect(ELSEWHERE, MALLORY)).closed()).toBe('PUBKEY_TEMP_BANNED');
    expect(await isServed(await connect(HERE))).toBe(true);
  });

  it('is not earned by anybody on this machine, where nothing else is said', async () => {
    await start({ MOSAIC_ALLOWED: '127.0.0.0/8,::1' });
    const client = await connect(HERE);
    await misbehave(client);
    expect(await isServed(client)).toBe(true);
  });
});

describe('budgets', () => {
  it('stop a flood of submissions, and nobody elsewhere notices', async () => {
    await start({ MOSAIC_BUDGETS: 'submissions.address.anonymous=1/h:20' });
    const [flood, honest] = [await connect(HERE), await connect(ELSEWHERE)];
    const results = await flood.submit(...Array.from({ length: 30 }, () => recordBy(MALLORY)));
    expect(results.filter((result) => result === 'ACCEPTED')).toHaveLength(20);
    expect(results.filter((result) => result === 'TOO_FAST')).toHaveLength(10);
    expect(await (await connect(HERE)).submit(recordBy(MALLORY))).toEqual(['TOO_FAST']);
    expect(await isServed(honest)).toBe(true);
    expect(flood.isClosed).toBe(false);
  });

  it('have a query that looks at much pay for it', async () => {
    await start({ MOSAIC_BUDGETS: 'query.address.anonymous=1/s:2000' });
    const [hostile, honest] = [await connect(HERE), await connect(ELSEWHERE)];
    const records = Array.from({ length: 1_500 }, () => recordBy(ALICE));
    for (let at = 0; at < records.length; at += 500) {
      await honest.submit(...records.slice(at, at + 500));
    }
    const scan = () =>
      hostile.query(
        { name: 'authors', keys: [ALICE.key] },
        { name: 'receivedUntil', timestamp: 1n },
      );
    expect((await scan()).result).toBe('SUCCESS');
    await scan();
    const refused = await scan();
    expect(refused).toMatchObject({ result: 'TOO_FAST', ids: [] });
    expect((await honest.get(records[0]!.id)).ids).toHaveLength(1);
    expect(hostile.isClosed).toBe(false);
  });

  it('are those of a user as soon as somebody is registered', async () => {
    const budgets = 'submissions.key.*=1/h:2,submissions.key.registered=1/h:5';
    await start({ MOSAIC_BUDGETS: budgets });
    await new RegisteredUsers(registry).add([{ key: ALICE.key }]);
    const client = await connect(HERE, ALICE);
    const submitted: (string | undefined)[] = [];
    await expect
      .poll(async () => {
        submitted.push(...(await client.submit(recordBy(ALICE))));
        return submitted.filter((result) => result === 'ACCEPTED').length;
      }, WAIT)
      .toBeGreaterThanOrEqual(5);
  });

  it('are those of a user whom a setting names, too', async () => {
    const budgets = 'submissions.key.*=1/h:2,submissions.key.registered=1/h:5';
    await start({ MOSAIC_BUDGETS: budgets, MOSAIC_USERS: encodeUserKey(ALICE.key) });
    const client = await connect(HERE, ALICE);
    const submitted: (string | undefined)[] = [];
    await expect
      .poll(async () => {
        submitted.push(...(await client.submit(recordBy(ALICE))));
        return submitted.filter((result) => result === 'ACCEPTED').length;
      }, WAIT)
      .toBeGreaterThanOrEqual(5);
  });

  it('do not exist where limits are off to measure', async () => {
    await start({ MOSAIC_BUDGETS: 'submissions.*.*=1/h:1', MOSAIC_LIMITS: 'off' });
    const client = await connect(HERE);
    const results = await client.submit(...Array.from({ length: 20 }, () => recordBy(ALICE)));
    expect(new Set(results)).toEqual(new Set(['ACCEPTED']));
  });
});

it('says of a wrong setting what is wrong with it', async () => {
  await start();
  const wrong = lab.spawn({
    MOSAIC_DATA_DIR: await lab.folder(),
    MOSAIC_ALLOWED: '10.0.0.1/8',
    MOSAIC_BUDGETS: 'submissions.everybody=1',
    MOSAIC_BAN_FIRST: '2d',
  });
  const { code, stderr, stdout } = await wrong.ended;
  wrong.ready.catch(() => {});
  expect(code).not.toBe(0);
  expect(stderr + stdout).toContain('MOSAIC_ALLOWED: \\"10.0.0.1/8\\" has bits set');
  expect(stderr + stdout).toContain('MOSAIC_BUDGETS');
  expect(stderr + stdout).toContain('MOSAIC_BAN_FIRST is longer than MOSAIC_BAN_LONGEST');
});
