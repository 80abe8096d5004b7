/** What an operator accepts, through the whole way in on real storage. */
import {
  authorSubject,
  createMemoryLimiter,
  DEFAULT_BUDGETS,
  parseBudgets,
} from '@mosaic-cluster/abuse';
import { buildFilter, parseRecord, type RecordView, RESULT } from '@mosaic-cluster/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { intercept } from '../../testing/intercept.ts';
import { kind, moment, nonce, person, record, schedule } from '../../testing/people.ts';
import { openPolicy } from '../../testing/policies.ts';
import { idOf, TestRoles, type TestRolesOptions } from '../../testing/test-roles.ts';
import type { HookVerdict } from '../hook/hook-message.ts';
import type { PolicyHook } from '../hook/policy-hook.ts';
import type { RefusedBy } from '../role-worker-deps.ts';
import { parseAcceptRules } from './parse-accept-rules.ts';

const ALICE = person(0);
const BOB = person(1);
const SUBKEY = person(10);

let roles: TestRoles;
let refused: RefusedBy[];
afterEach(() => roles.close());

async function open(rules: string, options: TestRolesOptions = {}): Promise<void> {
  refused = [];
  const knows = (key: Uint8Array): boolean => Buffer.compare(key, BOB.key) === 0;
  const users = options.users ?? { knows };
  roles = await TestRoles.open({
    policies: [openPolicy],
    ...options,
    users,
    deps: {
      rules: parseAcceptRules(rules).outbox,
      events: { refused: (by) => refused.push(by) },
      ...options.deps,
    },
  });
}

const submit = (...records: readonly RecordView[]) => roles.submit('outbox', records);
const sized = (n: number, payload: number, author = ALICE): RecordView =>
  record(author, { timestamp: moment(n), payload: new Uint8Array(payload) });

describe('what an operator accepts', () => {
  it('is told apart by codes, and counted by rule', async () => {
    await open('kinds=!98 bytes=1KiB tags=1 age=1s ahead=1ms');
    roles.now = moment(2_000_000_000);
    const timestamp = roles.now;
    const tag = { type: 9, value: new Uint8Array(4) };
    const results = await submit(
      record(ALICE, { timestamp, kind: kind({ applicationId: 98 }) }),
      record(ALICE, { timestamp, payload: new Uint8Array(1024) }),
      record(ALICE, { timestamp, tags: [tag, { ...tag, type: 10 }] }),
      record(ALICE, { timestamp: timestamp - 1_000_000_001n }),
      record(ALICE, { timestamp: timestamp + 1_000_001n }),
      record(ALICE, { timestamp, tags: [tag], payload: new Uint8Array(600) }),
    );
    expect(results).toEqual([
      'UNAUTHORIZED',
      'TOO_LARGE',
      'TOO_LARGE',
      'UNAUTHORIZED',
      'UNAUTHORIZED',
      'ACCEPTED',
    ]);
    expect(refused).toEqual(['kinds', 'bytes', 'tags', 'age', 'ahead']);
  });

  it.each([
    'in memory',
    'elsewhere',
  ])('may be more for registered authors, who are known %s', async (where) => {
    const isBob = (key: Uint8Array): boolean => Buffer.compare(key, BOB.key) === 0;
    const knows = where === 'in memory' ? isBob : async (key: Uint8Array) => isBob(key);
    await open('bytes=500 bytes.registered=1KiB', { users: { knows } });
    const results = await submit(
      sized(1, 600, ALICE),
      sized(1, 600, BOB),
      sized(1, 1000, BOB),
      sized(1, 10, ALICE),
    );
    expect(results).toEqual(['TOO_LARGE', 'ACCEPTED', 'TOO_LARGE', 'ACCEPTED']);
  });

  it('is asked for before any signature is checked', async () => {
    const verify = () => Promise.reject(new Error('a signature is checked'));
    await open('bytes=500', { deps: { verifier: { verify } } });
    expect(await submit(sized(1, 600))).toEqual(['TOO_LARGE']);
  });
});

describe("an author's budget", () => {
  const budgets = parseBudgets(
    'submissions.author.anonymous=0.001/s:3 submissions.author.registered=0.001/s:10',
  );

  it('is used up by records that are stored, and by no others', async () => {
    const limiter = createMemoryLimiter({ budgets });
    await open('', { deps: { limiter } });
    const forged = Uint8Array.from(sized(1, 8).bytes);
    forged.fill(1, forged.length - 32);
    const foreign = record(ALICE, { signer: SUBKEY });
    for (let n = 0; n < 5; n++) {
      expect(await submit(parseRecord(forged), foreign)).toEqual(['INVALID', 'UNAUTHORIZED']);
    }
    const [first, ...more] = Array.from({ length: 4 }, (_, n) => sized(n + 2, 8));
    expect(await submit(first!)).toEqual(['ACCEPTED']);
    expect(await submit(first!)).toEqual(['DUPLICATE']);
    expect((await submit(...more)).map(String).toSorted()).toEqual([
      'ACCEPTED',
      'ACCEPTED',
      'TOO_FAST',
    ]);
    expect(refused).toEqual(['rate']);
    const bobs = Array.from({ length: 11 }, (_, n) => sized(n, 8, BOB));
    expect((await submit(...bobs)).filter((each) => each === 'TOO_FAST')).toHaveLength(1);
    await limiter.close();
  });

  it('is not used up by whoever sends again what passed or was replaced', async () => {
    const limiter = createMemoryLimiter({ budgets });
    await open(`quota=10KiB`, { deps: { limiter } });
    const version = (n: number): RecordView =>
      record(ALICE, {
        timestamp: moment(n),
        kind: kind({ duplicateHandling: 'replaceable' }),
        nonce: nonce(1),
        payload: new Uint8Array(1000),
      });
    const passing = record(ALICE, { kind: kind({ duplicateHandling: 'ephemeral' }) });
    expect(await submit(version(1))).toEqual(['ACCEPTED']);
    expect(await submit(version(2))).toEqual(['ACCEPTED']);
    for (let n = 0; n < 20; n++) {
      expect(await submit(version(1), passing)).toEqual(['ACCEPTED', 'NO_CONSUMERS']);
    }
    expect(await submit(sized(3, 8))).toEqual(['ACCEPTED']);
    expect(await submit(sized(4, 8))).toEqual(['TOO_FAST']);
    await limiter.close();
  });

  it('pays for many index rows as for many records', async () => {
    const limiter = createMemoryLimiter({ budgets });
    await open('', { deps: { limiter } });
    const tags = Array.from({ length: 180 }, (_, n) => ({ type: n, value: new Uint8Array() }));
    expect(await submit(record(ALICE, { timestamp: moment(1), tags }))).toEqual(['ACCEPTED']);
    expect(await submit(sized(2, 8))).toEqual(['TOO_FAST']);
    const { usage } = await limiter.report(authorSubject(ALICE.key), 'anonymous');
    expect(usage.find(({ what }) => what === 'submissions')?.used).toBeCloseTo(3, 1);
    await limiter.close();
  });

  it('is not used up by records that are refused afterwards, and neither is the quota', async () => {
    const limiter = createMemoryLimiter({ budgets });
    const { length } = sized(0, 800).bytes;
    let verdict: HookVerdict = RESULT.UNAUTHORIZED;
    const ask = async (): Promise<HookVerdict[]> => [verdict];
    const hook = { ask } as unknown as PolicyHook;
    await open(`quota=${2 * length}`, { deps: { limiter, hook } });
    for (let n = 0; n < 10; n++) expect(await submit(sized(n, 800))).toEqual(['UNAUTHORIZED']);
    verdict = 'accept';
    expect(await submit(sized(20, 3 * length))).toEqual(['TOO_LARGE']);
    expect(await submit(sized(21, 800))).toEqual(['ACCEPTED']);
    expect(await submit(sized(22, 800))).toEqual(['ACCEPTED']);
    const { usage } = await limiter.report(authorSubject(ALICE.key), 'anonymous');
    expect(usage.find(({ what }) => what === 'submissions')?.used).toBeCloseTo(2, 1);
    await limiter.close();
  });

  it('is, as it comes, one that honest authors do not notice', () => {
    expect(DEFAULT_BUDGETS.budgets.submissions.author.anonymous.burst).toBeGreaterThan(5000);
  });
});

describe("an author's quota", () => {
  const { length: each } = sized(0, 800).bytes;

  it('is full when the index says so, also after a restart and when it was made anew', async () => {
    await open(`quota=${3 * each}`);
    expect(await submit(sized(1, 800), sized(2, 800))).toEqual(['ACCEPTED', 'ACCEPTED']);
    await roles.restart(false);
    expect((await submit(sized(3, 800), sized(4, 800))).map(String).toSorted()).toEqual([
      'ACCEPTED',
      'TOO_LARGE',
    ]);
    expect(refused).toEqual(['quota']);
    await roles.restart(true);
    expect(await submit(sized(5, 800), sized(3, 800, BOB))).toEqual(['TOO_LARGE', 'ACCEPTED']);
    expect(await submit(sized(1, 800))).toEqual(['DUPLICATE']);
  });

  it('is larger for registered authors, and leaves room to revoke a key', async () => {
    await open(`quota=${each} quota.registered=${2 * each}`);
    expect(await submit(sized(1, 800), sized(1, 800, BOB))).toEqual(['ACCEPTED', 'ACCEPTED']);
    expect(await submit(sized(2, 800), sized(2, 800, BOB))).toEqual(['TOO_LARGE', 'ACCEPTED']);
    expect(await submit(sized(3, 800, BOB))).toEqual(['TOO_LARGE']);
    const revoked = schedule(ALICE, moment(9), [
      { subkey: SUBKEY, marker: 'revokedAll', revokedAt: 1n },
    ]);
    expect(await submit(revoked)).toEqual(['ACCEPTED']);
  });

  it('is counted over any number of entries, once for all that come together', async () => {
    let scans = 0;
    await open(`quota=${601 * each}`, {
      wrapIndex: (index) =>
        intercept(index, {
          scan: (path, range) => {
            scans += path.path === 'author' ? 1 : 0;
            return index.scan(path, range);
          },
        }),
    });
    const many = Array.from({ length: 600 }, (_, n) => sized(n, 800));
    for (let at = 0; at < 600; at += 200) await submit(...many.slice(at, at + 200));
    await roles.restart(false);
    scans = 0;
    const late = Array.from({ length: 5 }, (_, n) => sized(5000 + n, 800));
    const results = (await Promise.all(late.map((one) => submit(one)))).flat();
    expect(results.map(String).toSorted()).toEqual([
      'ACCEPTED',
      ...late.slice(1).map(() => 'TOO_LARGE'),
    ]);
    expect(scans).toBe(2);
  });

  it('does not count what was replaced, nor what is not kept', async () => {
    await open(`quota=${2 * each}`);
    const version = (n: number): RecordView =>
      record(ALICE, {
        timestamp: moment(n),
        kind: kind({ duplicateHandling: 'replaceable' }),
        nonce: nonce(1),
        payload: new Uint8Array(800),
      });
    expect(await submit(version(1))).toEqual(['ACCEPTED']);
    expect(await submit(version(2))).toEqual(['ACCEPTED']);
    await roles.restart(false);
    expect(await submit(version(3))).toEqual(['ACCEPTED']);
    const passing = record(ALICE, {
      kind: kind({ duplicateHandling: 'ephemeral' }),
      payload: new Uint8Array(5000),
    });
    expect(await submit(passing)).toEqual(['NO_CONSUMERS']);
    const byAlice = buildFilter([{ name: 'authors', keys: [ALICE.key] }]);
    expect(await roles.query('outbox', byAlice)).toEqual([idOf(version(3))]);
  });
});
