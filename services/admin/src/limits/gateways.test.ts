/**
 * `mosaic-admin limits`, `processes`, `whois` and `users show` on what gateways answer over a real NATS
 * server, with a real Redis beside them that is there, or away.
 */
import {
  alwaysRegistered,
  createMemoryLimiter,
  type Limiter,
  openRedisLimiter,
  parseBudgets,
  ProcessReporter,
} from '@mosaic-cluster/abuse';
import { connectNatsBus, type NatsBus } from '@mosaic-cluster/bus/nats';
import { encodeUserKey, publicKeyOf } from '@mosaic-cluster/protocol';
import { openRedis, type RedisConnection } from '@mosaic-cluster/store';
import { type NatsServer, startNats } from '@mosaic-cluster/test-servers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { ALICE } from '../../testing/filled-folder.ts';
import { runHere } from '../../testing/run-here.ts';
import { PLACE_KINDS, type TestPlace } from '../../testing/test-places.ts';

// A command waits a moment for further answers, and a busy machine takes its time.
vi.setConfig({ testTimeout: 120_000 });

const kind = PLACE_KINDS.find(({ name }) => name === 'a cluster')!;
const alice = encodeUserKey(publicKeyOf(ALICE));
const ABUSER = 'a:203.0.113.7';
const BUDGETS = 'submissions.address.anonymous=1/h:100';

let nats: NatsServer;
let place: TestPlace;
let env: NodeJS.ProcessEnv;
const buses: NatsBus[] = [];
const connections: RedisConnection[] = [];
const limiters: Limiter[] = [];
beforeAll(async () => {
  nats = await startNats({ config: 'max_payload: 2MB' });
  await kind.start();
}, 120_000);
afterAll(async () => {
  await kind.stop();
  await nats.stop();
});
beforeEach(async () => {
  place = await kind.place();
  env = { ...place.env, MOSAIC_NATS_URLS: nats.url };
});
afterEach(async () => {
  for (const bus of buses.splice(0)) await bus.close();
  for (const limiter of limiters.splice(0)) await limiter.close();
  for (const connection of connections.splice(0)) await connection.close();
});

interface Told {
  readonly busiest: readonly { readonly subject: string; readonly used: number }[] | null;
  readonly budgets: readonly { readonly limits: readonly object[] }[];
  readonly processes: number;
  readonly differences: readonly { readonly name: string }[];
  readonly faults: readonly string[];
  readonly earnedBans: number | null;
}

async function told<As>(...args: string[]): Promise<As> {
  const { code, stdout, stderr } = await runHere([...args, '--json'], env);
  expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' });
  return JSON.parse(stdout) as As;
}

/** What a process has of all this. */
async function serving(
  limiter: Limiter,
  more: Partial<ConstructorParameters<typeof ProcessReporter>[0]> = {},
): Promise<void> {
  const bus = await connectNatsBus({ servers: [nats.url] });
  buses.push(bus);
  limiters.push(limiter);
  const reporter = new ProcessReporter({
    service: 'gateway',
    version: '1',
    rules: {},
    budgets: parseBudgets(BUDGETS),
    users: new Set(),
    limiter,
    isShared: true,
    ...more,
  });
  bus.answer((question) => reporter.answer(question));
}

async function shared(): Promise<Limiter> {
  const connection = await openRedis({
    urls: [env['MOSAIC_REDIS_URLS']!],
    keyPrefix: env['MOSAIC_REDIS_KEY_PREFIX']!,
  });
  connections.push(connection);
  return openRedisLimiter({ connection, budgets: parseBudgets(BUDGETS) });
}

function submit(limiter: Limiter, amount: number): void {
  limiter.spend([{ subject: ABUSER, budget: 'submissions', standing: 'anonymous', amount }]);
}

it('shows who comes nearest to a limit, once over all gateways, by the budgets that these have', async () => {
  const [one, other] = [await shared(), await shared()];
  await serving(one);
  await serving(other);
  submit(one, 30);
  submit(other, 20);
  const busiest = async (): Promise<Told['busiest']> =>
    (await told<Told>('limits', '--top', '1')).busiest;
  // They tell one another within a second.
  await expect.poll(busiest, { timeout: 20_000 }).toMatchObject([
    {
      subject: '203.0.113.7',
      standing: 'anonymous',
      what: 'submissions',
      limit: 100,
      share: 0.5,
    },
  ]);
  const { budgets, processes, differences, faults, earnedBans } = await told<Told>('limits');
  expect({ processes, differences, faults, earnedBans }).toEqual({
    processes: 2,
    differences: [],
    faults: [],
    earnedBans: 0,
  });
  expect(budgets[0]!.limits).toContainEqual({
    what: 'submissions',
    limit: 100,
    perSecond: 1 / 3600,
  });
  // Not by those of the command's environment.
  expect(await told('limits', '203.0.113.7')).toMatchObject({
    usage: expect.arrayContaining([
      expect.objectContaining({ what: 'submissions', used: 50, limit: 100 }),
    ]),
  });
  const { stdout } = await runHere(['limits'], env);
  expect(stdout).toContain('  203.0.113.7 (anonymous)  submissions   50 of 100 (50 %)');
});

it('says where processes go by other rules, and ends with 1 then', async () => {
  const limiter = createMemoryLimiter();
  await serving(limiter, { rules: { MOSAIC_BAN_THRESHOLD: '100' } });
  await serving(limiter, { rules: { MOSAIC_BAN_THRESHOLD: '100' } });
  expect(await told('processes')).toMatchObject({ differences: [] });
  await serving(limiter, {
    rules: { MOSAIC_BAN_THRESHOLD: '50' },
    budgets: parseBudgets('query.*.*=off'),
  });
  const { code, stdout } = await runHere(['processes'], env);
  expect(code).toBe(1);
  expect(stdout).toContain('gateway (3)');
  expect(stdout).toMatch(
    /1 of 3 processes have MOSAIC_BUDGETS .*query\.address\.anonymous=off .* and 14 more/,
  );
  expect(stdout).toMatch(/1 of 3 gateway processes have MOSAIC_BAN_THRESHOLD 50/);
  const limits = await told<Told>('limits');
  expect(limits.differences.map(({ name }) => name)).toContain('MOSAIC_BUDGETS');
});

it('adds up what each knows while Redis is away, and says so', async () => {
  for (const amount of [30, 20]) {
    const limiter = createMemoryLimiter({ budgets: parseBudgets(BUDGETS) });
    const fault = (): string => 'limits hold for this process alone';
    await serving(limiter, {
      limiter: {
        fault,
        busiest: (count) => limiter.busiest(count),
        report: (subject, standing) => limiter.report(subject, standing),
      },
    });
    submit(limiter, amount);
  }
  env = { ...env, MOSAIC_REDIS_URLS: 'redis://127.0.0.1:1', MOSAIC_REDIS_TIMEOUT: '300ms' };
  const { busiest, faults, earnedBans } = await told<Told>('limits');
  expect(busiest).toMatchObject([{ subject: '203.0.113.7', used: 50, share: 0.5 }]);
  expect(faults).toEqual(['2 of 2 processes: limits hold for this process alone']);
  expect(earnedBans).toBeNull();
  const { code, stdout, stderr } = await runHere(['limits', '203.0.113.7'], env);
  expect(code).toBe(0);
  expect(stdout).toContain('submissions   50 of 100 (50 %)');
  expect(stderr).toMatch(/added up over those who serve, because .*127\.0\.0\.1:1/);
  for (const bus of buses.splice(0)) await bus.close();
  const nobody = await runHere(['limits'], env);
  expect(nobody.code).toBe(2);
  expect(nobody.stderr).toMatch(/127\.0\.0\.1:1.*no gateway and no worker answers/s);
});

it('goes by its own environment where nobody answers, and says so', async () => {
  env['MOSAIC_BUDGETS'] = 'submissions.address.anonymous=1/s:77';
  for (const command of [['limits'], ['limits', '203.0.113.7']]) {
    const { code, stdout, stderr } = await runHere(command, env);
    expect(code).toBe(0);
    expect(stdout).toMatch(/submissions +(0 of )?77 /);
    expect(stderr).toContain('limits are as MOSAIC_BUDGETS says here, because no gateway');
  }
  expect((await runHere(['processes'], env)).code).toBe(2);
});

it('knows the users and quotas that a setting of those who serve names', async () => {
  for (const role of ['outbox', 'inbox', 'encryption']) await place.store(role, []);
  const users = alwaysRegistered([alice]);
  const rules = { MOSAIC_ACCEPT: 'outbox.quota=1MiB, outbox.quota.registered=1GiB' };
  await serving(createMemoryLimiter(), { service: 'outbox', users, rules });
  expect(await told('whois', alice)).toMatchObject({
    standing: 'registered',
    key: {
      registered: null,
      bySetting: true,
      held: { outbox: { quota: 1024 ** 3 }, inbox: { quota: null } },
    },
  });
  expect(await told('users', 'show', alice)).toMatchObject({
    users: [{ registered: null, bySetting: true, held: { outbox: { quota: 1024 ** 3 } } }],
  });
  const { stdout } = await runHere(['whois', alice], env);
  expect(stdout).toContain('\n  registered by MOSAIC_USERS\n');
  for (const bus of buses.splice(0)) await bus.close();
  expect(await told('whois', alice)).toMatchObject({ standing: 'authenticated' });
  env['MOSAIC_USERS'] = alice;
  expect(await told('whois', alice)).toMatchObject({ standing: 'registered' });
});
