/** Whom keys belong to, as key schedules come, go and are read at the wrong moment. */
import { hexEncode, type PublicKey } from '@mosaic-cluster/protocol';
import type { RecordIndex } from '@mosaic-cluster/store';
import { afterEach, describe, expect, it } from 'vitest';
import { intercept } from '../testing/intercept.ts';
import { moment, notify, person, record, schedule } from '../testing/people.ts';
import { moderatedPolicy, openPolicy } from '../testing/policies.ts';
import { TestRoles, type TestRolesOptions } from '../testing/test-roles.ts';
import { KeyDirectory } from './key-directory.ts';
import { WeightedMap } from './weighted-map.ts';
import { present } from '../testing/present.ts';

const ALICE = person(0);
const BOB = person(1);
const SUBKEY = person(10);

let roles: TestRoles;
afterEach(() => roles.close());

async function open(options: TestRolesOptions = {}): Promise<void> {
  roles = await TestRoles.open({ policies: [openPolicy, moderatedPolicy], ...options });
}

async function identities(key: PublicKey): Promise<string[]> {
  return (await roles.directory.identities(key)).map((each) => hexEncode(each));
}

const own = hexEncode(SUBKEY.key);
const active = (timestamp: number, master = ALICE) =>
  schedule(master, moment(timestamp), [{ subkey: SUBKEY, marker: 'activeSigning' }]);
const revoked = (timestamp: number) =>
  schedule(ALICE, moment(timestamp), [{ subkey: SUBKEY, marker: 'revokedAll', revokedAt: 1n }], 1);

describe('whom a key acts for', () => {
  it('is itself, and the masters whose newest schedule has it in use', async () => {
    await open();
    expect(await identities(SUBKEY.key)).toEqual([own]);
    await roles.submit('outbox', [active(1), active(1, BOB)]);
    const both = [ALICE, BOB].map(({ key }) => hexEncode(key));
    expect((await identities(SUBKEY.key)).toSorted()).toEqual([own, ...both].toSorted());
    await roles.submit('outbox', [revoked(2)]);
    expect(await identities(SUBKEY.key)).toEqual([own, hexEncode(BOB.key)]);
    await roles.restart(false);
    expect(await identities(SUBKEY.key)).toEqual([own, hexEncode(BOB.key)]);
  });

  it('cannot be buried under Subkey tags that others write', async () => {
    await open();
    await roles.submit('outbox', [active(1)]);
    const { type, value } = present([...active(1).tags()][0]);
    const tags = [{ type, value: Uint8Array.from(value) }];
    const { kind: scheduleKind } = active(1);
    const noise = Array.from({ length: 300 }, (_, n) =>
      record(person(100 + (n % 50)), {
        timestamp: moment(10 + n),
        tags,
        ...(n < 50 ? { kind: scheduleKind } : {}),
      }),
    );
    await roles.submit('outbox', noise);
    expect(await identities(SUBKEY.key)).toEqual([own, hexEncode(ALICE.key)]);
  });

  it('is not looked up again for schedules that do not concern it', async () => {
    let lookUps = 0;
    const wrapIndex = (index: RecordIndex): RecordIndex =>
      intercept(index, {
        scan: (path, range) => {
          lookUps += path.path === 'subkey' ? 1 : 0;
          return index.scan(path, range);
        },
      });
    await open({ policies: [openPolicy], wrapIndex });
    await roles.submit('outbox', [active(1)]);
    const both = [own, hexEncode(ALICE.key)];
    expect(await identities(SUBKEY.key)).toEqual(both);
    lookUps = 0;
    const listed = [{ subkey: person(11), marker: 'activeSigning' }] as const;
    await roles.submit('outbox', [schedule(BOB, moment(2), listed)]);
    expect(await identities(SUBKEY.key)).toEqual(both);
    expect(lookUps).toBe(0);
    // Another master that lists the key concerns it, and so does its own, though it lists it no more.
    await roles.submit('outbox', [active(3, BOB)]);
    expect((await identities(SUBKEY.key)).toSorted()).toEqual(
      [...both, hexEncode(BOB.key)].toSorted(),
    );
    await roles.submit('outbox', [schedule(ALICE, moment(4), listed, 1)]);
    expect(await identities(SUBKEY.key)).toEqual([own, hexEncode(BOB.key)]);
  });

  it('is known from schedules in the inbox too', async () => {
    await open();
    const attested = [...active(3).tags()].map(({ type, value }) => ({ type, value }));
    const toBob = record(ALICE, {
      kind: active(3).kind,
      payload: active(3).payload,
      timestamp: moment(3),
      tags: [...attested, notify(BOB)],
    });
    expect(await roles.submit('inbox', [toBob])).toEqual(['ACCEPTED']);
    expect(await identities(SUBKEY.key)).toEqual([own, hexEncode(ALICE.key)]);
    await roles.submit('outbox', [revoked(2)]);
    expect(await identities(SUBKEY.key)).toEqual([own, hexEncode(ALICE.key)]);
    await roles.submit('outbox', [revoked(4)]);
    expect(await identities(SUBKEY.key)).toEqual([own]);
  });
});

describe('the newest schedule', () => {
  it('is the one with the greatest timestamp, whatever its address and when it came', async () => {
    await open();
    const bySubkey = record(ALICE, { signer: SUBKEY });
    await roles.submit('outbox', [revoked(5)]);
    await roles.submit('outbox', [active(3)]);
    expect(await roles.directory.admits(bySubkey, roles.now)).toBe(false);
    await roles.submit('outbox', [active(9)]);
    expect(await roles.directory.admits(bySubkey, roles.now)).toBe(true);
    expect(roles.directory.admitsNow(bySubkey, roles.now)).toBe(true);
  });

  it('is not forgotten for an older one that was being read when it came', async () => {
    let openGate = (): void => {};
    let gate = Promise.resolve();
    await open({
      policies: [openPolicy],
      wrapLog: (log) =>
        intercept(log, {
          read: async (locations) => {
            const entries = await log.read(locations);
            await gate;
            return entries;
          },
        }),
    });
    const bySubkey = record(ALICE, { signer: SUBKEY });
    await roles.submit('outbox', [active(1)]);
    await roles.restart(false);
    gate = new Promise((resolve) => {
      openGate = resolve;
    });
    const slow = roles.directory.admits(bySubkey, roles.now);
    const [result] = await roles.submit('outbox', [revoked(2)]);
    expect(result).toBe('ACCEPTED');
    gate = Promise.resolve();
    openGate();
    await slow;
    expect(await roles.directory.admits(bySubkey, roles.now)).toBe(false);
  });

  it('is found by a replay that had judged records before it came', async () => {
    await open({ policies: [openPolicy] });
    const kind = Uint8Array.of(0, 0, 0, 99, 0, 1, 0, 0x0e);
    const nonce = new Uint8Array(8).fill(0x80);
    const replaced = [3, 4].map((n) =>
      record(ALICE, { kind, nonce, signer: SUBKEY, timestamp: moment(n) }),
    );
    for (const each of [active(1), ...replaced, revoked(2)]) await roles.submit('outbox', [each]);
    await roles.restart(true);
    expect(await roles.directory.admits(present(replaced[1]), roles.now)).toBe(false);
  });

  it('is nobody’s where no public role is at hand', async () => {
    await open();
    const alone = new KeyDirectory([]);
    expect(await alone.newest(ALICE.key)).toBeUndefined();
    expect(await alone.identities(SUBKEY.key)).toEqual([SUBKEY.key]);
    expect(await alone.admits(record(ALICE), 0n)).toBe(true);
    expect(await alone.admits(record(ALICE, { signer: SUBKEY }), 0n)).toBe(false);
  });
});

describe('authors of what is replied to', () => {
  it('are said by an address and looked up by an ID, in outbox and inbox', async () => {
    await open();
    const [one, two] = [record(ALICE), record(BOB)];
    await roles.submit('outbox', [one]);
    await roles.submit('inbox', [two]);
    const unknown = record(person(3));
    const references = [unknown.id, one.id, two.id, unknown.address];
    const authors = await roles.directory.authorsOf(references);
    expect(authors.map((key) => hexEncode(key))).toEqual(
      [person(3), ALICE, BOB].map(({ key }) => hexEncode(key)),
    );
  });
});

describe('a cache by weight', () => {
  it('forgets the oldest past either bound', async () => {
    await open();
    const map = new WeightedMap<number>({ entriesMax: 3, weightMax: 10 });
    for (const n of [1, 2, 3]) map.set(String(n), n, 2);
    map.set('1', 1, 2);
    map.set('4', 4, 2);
    expect(['1', '2', '3', '4'].map((name) => map.get(name))).toEqual([1, undefined, 3, 4]);
    map.set('5', 5, 7);
    expect(['1', '3', '4', '5'].map((name) => map.get(name))).toEqual([undefined, undefined, 4, 5]);
    map.set('6', 6, 11);
    expect(map.size).toBe(0);
  });
});
