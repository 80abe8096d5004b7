/** `mosaic-admin bans`, `limits` and `whois` on what gateways tell one another over a real Redis. */
import { openRedisLimiter, type Limiter } from '@mosaic-cluster/abuse';
import { openRedis, type RedisConnection } from '@mosaic-cluster/store';
import { redisOptions } from '@mosaic-cluster/cluster/stores';
import {
  attestSubkey,
  buildKeySchedule,
  encodeUserKey,
  publicKeyOf,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { readAdminSettings } from '../config.ts';
import { ALICE, BOB } from '../../testing/filled-folder.ts';
import { withSettings } from '../../testing/run-here.ts';
import { PLACE_KINDS, type TestPlace } from '../../testing/test-places.ts';

const kind = PLACE_KINDS.find(({ name }) => name === 'a cluster')!;
const ADDRESS = '2001:db8:0:1::7';
const [alice, bob] = [ALICE, BOB].map((secret) => encodeUserKey(publicKeyOf(secret))) as [
  string,
  string,
];

let place: TestPlace;
let connection: RedisConnection;
/** What a gateway would have. */
let limiter: Limiter;
beforeAll(() => kind.start(), 120_000);
afterAll(() => kind.stop());
beforeEach(async () => {
  place = await kind.place();
  connection = await withSettings(place.env, () => {
    const settings = readAdminSettings();
    if (settings.of !== 'cluster') throw new Error('these are no settings of a cluster');
    return openRedis(redisOptions(settings.config));
  });
  limiter = await openRedisLimiter({ connection, penalties: { threshold: 10 } });
});
afterEach(async () => {
  await limiter.close();
  await connection.close();
});

interface Earned {
  readonly earned: readonly { readonly subject: string; readonly count: number }[];
}

it('lists the bans that gateways imposed, and pardons on all of them', async () => {
  limiter.penalize('a:2001:db8:0:1::/64', 11, 'malformed-message');
  const earned = async (): Promise<Earned['earned']> =>
    (await place.json<Earned>(['bans', 'list'])).earned;
  await expect.poll(earned).toMatchObject([{ subject: '2001:db8:0:1::/64', count: 1 }]);
  const told = await place.json(['whois', ADDRESS]);
  expect(told).toMatchObject({
    subject: ADDRESS,
    limits: [
      { of: '2001:db8:0:1::/64', ban: { count: 1 }, refused: { 'malformed-message': 1 } },
      { of: '2001:db8::/48', ban: null },
    ],
  });
  await place.json(['bans', 'pardon', ADDRESS]);
  await expect.poll(() => limiter.banOf('a:2001:db8:0:1::/64')).toBeUndefined();
  expect(await earned()).toEqual([]);
});

it('says what somebody uses on all gateways', async () => {
  limiter.spend([
    { subject: 'a:203.0.113.7', budget: 'messages', standing: 'anonymous', amount: 1e6 },
  ]);
  const used = async (): Promise<number> => {
    // Nobody says which budgets gateways have; that is no error.
    const { stdout } = await place.admin(['limits', '203.0.113.7', '--json']);
    const { usage } = JSON.parse(stdout) as { usage: { what: string; used: number }[] };
    return usage.find(({ what }) => what === 'messages')!.used;
  };
  await expect.poll(used).toBeGreaterThan(900_000);
});

it('says whose a key is, and of its subkeys', async () => {
  const attestation = attestSubkey(BOB, publicKeyOf(ALICE));
  const schedule = buildKeySchedule({
    masterSecretKey: ALICE,
    timestamp: timestampFromMillis(1_750_000_000_000),
    entries: [{ marker: 'activeSigning', attestation }],
  });
  for (const role of ['outbox', 'inbox', 'encryption']) await place.store(role, []);
  await place.store('outbox', [schedule]);
  await place.json(['users', 'add', alice, '--note', 'Alice']);
  await place.json(['bans', 'add', bob, '--reason', 'lost']);
  expect(await place.json(['whois', alice])).toMatchObject({
    standing: 'registered',
    key: {
      registered: { note: 'Alice' },
      masters: [],
      schedule: [{ kind: 'subkey', marker: 'activeSigning', key: bob }],
      held: { outbox: { written: { records: 1 } } },
    },
    bans: [],
  });
  expect(await place.json(['whois', bob])).toMatchObject({
    standing: 'registered',
    key: { registered: null, masters: [alice], schedule: null },
    bans: [{ reason: 'lost', inForce: true }],
  });
  const { stdout } = await place.admin(['whois', bob]);
  expect(stdout).toContain(`\n  acts for ${alice}\n`);
});

it('finds every range that an address lies in, and no other', async () => {
  const around = ['2001:db8::/32', '2001:db8:0:1::/64', ADDRESS];
  await place.json(['bans', 'add', ...around, '2001:db8:0:2::/64', '10.0.0.0/24']);
  await place.json(['allow', 'add', '2001:db8:0:1::/64']);
  const told = await place.json<{ bans: { subject: string }[]; allowed: { subject: string }[] }>([
    'whois',
    ADDRESS,
  ]);
  expect(told.bans.map(({ subject }) => subject)).toEqual(around);
  expect(told.allowed.map(({ subject }) => subject)).toEqual(['2001:db8:0:1::/64']);
});

it('refuses ranges that have no budget', async () => {
  for (const command of [['whois'], ['limits'], ['bans', 'pardon']]) {
    const { code, stderr } = await place.admin([...command, '10.0.0.0/24']);
    expect(code).toBe(2);
    expect(stderr).toContain('budgets are not kept for such a range');
  }
});
