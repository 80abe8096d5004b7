/** Submissions through the whole way in, on real storage: what they are answered and why. */
import type { PublicKey, RecordView } from '@mosaic-cluster/protocol';
import { buildFilter, MosaicError, parseRecord, RECORD_AT } from '@mosaic-cluster/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { intercept } from '../testing/intercept.ts';
import { kind, moment, nonce, notify, person, record, schedule } from '../testing/people.ts';
import { openPolicy, privatePolicy } from '../testing/policies.ts';
import { idOf, TestRoles, type TestRolesOptions } from '../testing/test-roles.ts';

const ALICE = person(0);
const BOB = person(1);
const SUBKEY = person(10);
const REPLACEABLE = kind({ duplicateHandling: 'replaceable' });
const EPHEMERAL = kind({ duplicateHandling: 'ephemeral' });

let roles: TestRoles;
afterEach(() => roles.close());

async function open(options: TestRolesOptions = {}): Promise<void> {
  roles = await TestRoles.open({ policies: [openPolicy], ...options });
}

function submit(records: readonly RecordView[], submitter?: PublicKey) {
  return roles.submit('outbox', records, submitter);
}

function byAuthor(author = ALICE): Promise<string[]> {
  return roles.query('outbox', buildFilter([{ name: 'authors', keys: [author.key] }]));
}

function edited(original: RecordView, edit: (bytes: Uint8Array) => void): RecordView {
  const bytes = Uint8Array.from(original.bytes);
  edit(bytes);
  return parseRecord(bytes);
}

describe('what is refused', () => {
  it('is a record that breaks a rule, each on its own', async () => {
    await open();
    const good = record(ALICE);
    const batch = [
      edited(good, (bytes) => bytes.fill(0x80, RECORD_AT.flags, RECORD_AT.flags + 1)),
      edited(good, (bytes) => bytes.fill(1, RECORD_AT.hash, RECORD_AT.hash + 8)),
      edited(good, (bytes) => bytes.fill(1, bytes.length - 32)),
      edited(good, (bytes) => bytes.fill(0, RECORD_AT.nonce, RECORD_AT.nonce + 8)),
      good,
    ];
    expect(await submit(batch)).toEqual(['INVALID', 'INVALID', 'INVALID', 'INVALID', 'ACCEPTED']);
    expect(await byAuthor()).toEqual([idOf(good)]);
  });

  it('is a record from too far ahead', async () => {
    await open();
    const at = (offset: bigint): RecordView =>
      record(ALICE, { timestamp: roles.now + 1_000_000_000n + offset });
    expect(await submit([at(0n), at(1n)])).toEqual(['ACCEPTED', 'INVALID']);
  });

  it('is a profile or key schedule that its author did not sign, or that is none', async () => {
    await open();
    const listed = schedule(ALICE, moment(1), [{ subkey: SUBKEY, marker: 'activeSigning' }]);
    expect(await submit([listed])).toEqual(['ACCEPTED']);
    const bySubkey = record(ALICE, { kind: listed.kind, signer: SUBKEY, timestamp: moment(2) });
    const garbage = new Uint8Array(20).fill(9);
    const broken = record(ALICE, { kind: listed.kind, payload: garbage, timestamp: moment(3) });
    expect(await submit([bySubkey, broken])).toEqual(['INVALID', 'INVALID']);
  });

  it('is a key schedule with more attestations than a server wants to check', async () => {
    await open();
    const payload = new Uint8Array(129 * 152);
    const { kind: scheduleKind } = schedule(ALICE, moment(1), []);
    expect(await submit([record(ALICE, { kind: scheduleKind, payload })])).toEqual(['TOO_LARGE']);
  });

  it('is a record with more tags than the index is to hold', async () => {
    await open();
    const tagged = (count: number): RecordView =>
      record(ALICE, {
        tags: Array.from({ length: count }, (_, n) => ({
          type: 0x7000 + n,
          value: new Uint8Array(),
        })),
        timestamp: moment(count),
      });
    const most = tagged(2048);
    expect(await submit([most, tagged(2049)])).toEqual(['ACCEPTED', 'TOO_LARGE']);
    const last = { type: 0x7000 + 2047, value: new Uint8Array() };
    const filter = buildFilter([{ name: 'includedTags', tags: [last] }]);
    expect(await roles.query('outbox', filter)).toEqual([idOf(most)]);
    await roles.close();
    await open({ deps: { tagsMax: 3 } });
    expect(await submit([tagged(3), tagged(4)])).toEqual(['ACCEPTED', 'TOO_LARGE']);
  });

  it("is what is signed by a key that is not the author's, or by no key", async () => {
    await open();
    const foreign = record(ALICE, { signer: SUBKEY });
    const noKey = edited(foreign, (bytes) => bytes.fill(0, RECORD_AT.signingKey, 128));
    expect(await submit([foreign, noKey])).toEqual(['UNAUTHORIZED', 'INVALID']);
  });

  it('is a FROM_AUTHOR record that somebody else brings', async () => {
    await open();
    const own = record(ALICE, { fromAuthor: true });
    expect(await submit([own])).toEqual(['REQUIRES_AUTHENTICATION']);
    expect(await submit([own], BOB.key)).toEqual(['UNAUTHORIZED']);
    expect(await submit([own], SUBKEY.key)).toEqual(['UNAUTHORIZED']);
    await submit([schedule(ALICE, moment(1), [{ subkey: SUBKEY, marker: 'activeSigning' }])]);
    expect(await submit([own], SUBKEY.key)).toEqual(['ACCEPTED']);
    expect(await submit([own], ALICE.key)).toEqual(['DUPLICATE']);
  });

  it('is what the policy refuses, before anything is verified', async () => {
    let verified = 0;
    await open({
      users: { serves: () => false },
      deps: { verifier: { verify: async (records) => records.map(() => void (verified += 1)) } },
    });
    expect(await submit([record(ALICE)])).toEqual(['UNAUTHORIZED']);
    expect(verified).toBe(0);
  });
});

describe('what is held already', () => {
  it('is a duplicate, without another signature check', async () => {
    let isVerifying = true;
    await open({
      deps: {
        verifier: {
          verify: async (records) => {
            if (!isVerifying) throw new Error('a signature is checked');
            return records.map(() => undefined);
          },
        },
      },
    });
    const one = record(ALICE);
    expect(await submit([one, one])).toEqual(['ACCEPTED', 'DUPLICATE']);
    isVerifying = false;
    expect(await submit([one])).toEqual(['DUPLICATE']);
  });

  it('is a duplicate with another valid signature, and invalid with a wrong one', async () => {
    // Signatures are not part of what an ID is made of; this verifier finds some of them valid.
    const isValid = (bytes: Uint8Array): boolean => bytes[bytes.length - 20] !== 4;
    const verify = async (records: readonly RecordView[]) =>
      records.map(({ bytes }) => (isValid(bytes) ? undefined : new Error('not valid')));
    await open({ deps: { verifier: { verify } } });
    const one = record(ALICE);
    const signedWith = (byte: number): RecordView =>
      edited(one, (bytes) => bytes.fill(byte, bytes.length - 20));
    expect(await submit([one])).toEqual(['ACCEPTED']);
    const { end } = roles.role('outbox').log;
    expect(await submit([signedWith(4), signedWith(3)])).toEqual(['INVALID', 'DUPLICATE']);
    expect(roles.role('outbox').log.end).toEqual(end);
  });

  it('stays a duplicate when its key was revoked later, as long as it is served', async () => {
    await open();
    const revoke = (at: number, revokedAt: bigint): RecordView =>
      schedule(ALICE, moment(at), [{ subkey: SUBKEY, marker: 'revokedPast', revokedAt }]);
    await submit([schedule(ALICE, moment(1), [{ subkey: SUBKEY, marker: 'activeSigning' }])]);
    const one = record(ALICE, { signer: SUBKEY });
    expect(await submit([one])).toEqual(['ACCEPTED']);
    roles.now += 10n;
    await submit([revoke(2, roles.now)]);
    expect(await submit([one])).toEqual(['DUPLICATE']);
    expect(await byAuthor()).toContain(idOf(one));
    await submit([revoke(3, 1n)]);
    expect(await submit([one])).toEqual(['UNAUTHORIZED']);
    expect(await byAuthor()).not.toContain(idOf(one));
  });
});

describe('replaceable records', () => {
  const at = (n: number, signer = ALICE): RecordView =>
    record(ALICE, { kind: REPLACEABLE, nonce: nonce(1), timestamp: moment(n), signer });

  it('replace older ones, and are accepted but not stored when older themselves', async () => {
    await open();
    expect(await submit([at(5)])).toEqual(['ACCEPTED']);
    const { end } = roles.role('outbox').log;
    expect(await submit([at(3)])).toEqual(['ACCEPTED']);
    expect(roles.role('outbox').log.end).toEqual(end);
    expect(await byAuthor()).toEqual([idOf(at(5))]);
    expect(await submit([at(6), at(7), at(4)])).toEqual(['ACCEPTED', 'ACCEPTED', 'ACCEPTED']);
    expect(await byAuthor()).toEqual([idOf(at(7))]);
  });

  it('settle on the newest however many arrive at once', async () => {
    await open();
    const numbers = Array.from({ length: 30 }, (_, n) => (n * 7) % 30);
    await Promise.all(numbers.map((n) => submit([at(n)])));
    expect(await byAuthor()).toEqual([idOf(at(29))]);
  });

  it('cannot be kept out by a newer one that a revocation made invalid', async () => {
    await open();
    await submit([schedule(ALICE, moment(1), [{ subkey: SUBKEY, marker: 'activeSigning' }])]);
    await submit([at(9, SUBKEY)]);
    await submit([
      schedule(ALICE, moment(2), [{ subkey: SUBKEY, marker: 'revokedAll', revokedAt: 1n }]),
    ]);
    expect(await submit([at(5)])).toEqual(['ACCEPTED']);
    const kinds = { name: 'kinds', kinds: [REPLACEABLE] } as const;
    expect(await roles.query('outbox', buildFilter([kinds]))).toEqual([idOf(at(5))]);
    await roles.restart(true);
    expect(await roles.query('outbox', buildFilter([kinds]))).toEqual([idOf(at(5))]);
  });

  it('are served again when somebody submits what a stolen key had replaced', async () => {
    await open();
    const kinds = buildFilter([{ name: 'kinds', kinds: [REPLACEABLE] }]);
    await submit([schedule(ALICE, moment(1), [{ subkey: SUBKEY, marker: 'activeSigning' }])]);
    expect(await submit([at(5)])).toEqual(['ACCEPTED']);
    expect(await submit([at(8, SUBKEY), at(9, SUBKEY)])).toEqual(['ACCEPTED', 'ACCEPTED']);
    await submit([
      schedule(ALICE, moment(2), [{ subkey: SUBKEY, marker: 'revokedAll', revokedAt: 1n }]),
    ]);
    expect(await roles.query('outbox', kinds)).toEqual([]);
    expect(await submit([at(5)])).toEqual(['ACCEPTED']);
    expect(await roles.query('outbox', kinds)).toEqual([idOf(at(5))]);
  });

  it('are asked for again when their address changes hands at every attempt', async () => {
    let conflicts = 0;
    await open({
      wrapIndex: (index) =>
        intercept(index, {
          add: async (additions) => {
            conflicts += 1;
            return additions.map(() => 'conflict' as const);
          },
        }),
    });
    expect(await submit([at(1)])).toEqual(['TEMPORARY_ERROR']);
    expect(conflicts).toBe(16);
  });
});

describe('ephemeral records', () => {
  it('are delivered and not stored', async () => {
    await open();
    const one = record(ALICE, { kind: EPHEMERAL });
    expect(await submit([one])).toEqual(['NO_CONSUMERS']);
    roles.reached = 2;
    expect(await submit([one, record(BOB)])).toEqual(['ACCEPTED', 'ACCEPTED']);
    expect(await byAuthor()).toEqual([]);
    expect(roles.live.map((live) => idOf(live.record))).toContain(idOf(one));
  });

  it('are checked like any other', async () => {
    await open();
    roles.reached = 1;
    const forged = edited(record(ALICE, { kind: EPHEMERAL }), (bytes) => bytes.fill(1, 200));
    const foreign = record(ALICE, { kind: EPHEMERAL, signer: SUBKEY });
    expect(await submit([forged, foreign])).toEqual(['INVALID', 'UNAUTHORIZED']);
    expect(roles.live).toEqual([]);
  });
});

describe('key schedules under way', () => {
  const listed = schedule(ALICE, moment(1), [{ subkey: SUBKEY, marker: 'activeSigning' }]);
  const bySubkey = record(ALICE, { signer: SUBKEY, timestamp: moment(7) });

  it('count for what follows them, in the same batch, the next, and in another role', async () => {
    await open({ policies: [openPolicy, privatePolicy] });
    const secret = record(ALICE, { signer: SUBKEY, kind: kind({ audience: 'author-only' }) });
    const [first, second, third] = await Promise.all([
      submit([listed, bySubkey]),
      submit([record(ALICE, { signer: SUBKEY, timestamp: moment(8) })]),
      roles.submit('encryption', [secret]),
    ]);
    expect(first).toEqual(['ACCEPTED', 'ACCEPTED']);
    expect(second).toEqual(['ACCEPTED']);
    expect(third).toEqual(['ACCEPTED']);
  });

  it('count with all of those before them', async () => {
    await open();
    const forged = edited(schedule(ALICE, moment(2), []), (bytes) => bytes.fill(1, 200));
    expect(await submit([listed, forged, bySubkey])).toEqual(['ACCEPTED', 'INVALID', 'ACCEPTED']);
  });

  it('never make batches wait for themselves or for each other', async () => {
    await open();
    const ofBob = schedule(BOB, moment(1), [{ subkey: SUBKEY, marker: 'activeSigning' }]);
    const bobs = record(BOB, { signer: SUBKEY });
    const results = await Promise.all([
      submit([bySubkey, listed, bobs]),
      submit([bobs, ofBob, bySubkey]),
    ]);
    for (const result of results.flat()) expect(result).toMatch(/ACCEPTED|UNAUTHORIZED|DUPLICATE/);
    expect(await submit([bySubkey, bobs])).not.toContain('UNAUTHORIZED');
  });
});

describe('failures', () => {
  it('of one record are that one’s alone', async () => {
    await open({
      policies: [
        {
          ...openPolicy,
          judge: async (each) => {
            if (each.timestamp === moment(3)) throw new MosaicError('unavailable', 'x', 'no');
            if (each.timestamp === moment(4)) throw new MosaicError('limited', 'x', 'busy');
            if (each.timestamp === moment(5)) throw new TypeError('a bug');
            return 'accept';
          },
        },
      ],
    });
    const batch = [1, 3, 4, 5, 6].map((n) => record(ALICE, { timestamp: moment(n) }));
    expect(await submit(batch)).toEqual([
      'ACCEPTED',
      'TEMPORARY_ERROR',
      'TOO_FAST',
      'GENERAL_ERROR',
      'ACCEPTED',
    ]);
    expect(roles.failures).toHaveLength(3);
  });

  it('of the verifier say which kind they are', async () => {
    const busy = new MosaicError('limited', 'verifier-busy', 'too much');
    await open({ deps: { verifier: { verify: () => Promise.reject(busy) } } });
    expect(await submit([record(ALICE), record(BOB)])).toEqual(['TOO_FAST', 'TOO_FAST']);
  });
});

describe('live delivery', () => {
  it('comes before the answer, once, and says who may read', async () => {
    await open({ policies: [openPolicy, privatePolicy] });
    const one = record(ALICE);
    expect(await submit([one, one])).toEqual(['ACCEPTED', 'DUPLICATE']);
    const secret = record(ALICE, {
      kind: kind({ audience: 'author-and-tagged' }),
      tags: [notify(BOB)],
    });
    await roles.submit('encryption', [secret]);
    expect(roles.live.map(({ record: each }) => idOf(each))).toEqual([idOf(one), idOf(secret)]);
    expect(roles.live.map(({ readers }) => readers?.map((key) => [...key]))).toEqual([
      undefined,
      [[...ALICE.key], [...BOB.key]],
    ]);
  });

  it('cannot spoil a commit', async () => {
    await open();
    roles.bus.listen(() => {
      throw new Error('a listener is broken');
    });
    expect(await submit([record(ALICE)])).toEqual(['ACCEPTED']);
    expect(await submit([record(BOB)])).toEqual(['ACCEPTED']);
    expect(roles.failures).toHaveLength(2);
  });
});
