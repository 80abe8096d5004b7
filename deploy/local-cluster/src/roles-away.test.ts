/**
 * A role without workers is a partial outage and must stay one: gateways go on with the other roles, also those
 * that start meanwhile, and say which role is away. Needs a build.
 */
import { startNats, startRedis } from '@mosaic-cluster/test-servers';
import { afterEach, expect, it } from 'vitest';
import { untilReady } from './local-cluster.ts';
import { ServiceProcess } from './service-process.ts';
import { connectTo, Load } from './testing/load.ts';
import { startServices } from './testing/services.ts';

const ROLES = ['outbox', 'inbox', 'encryption'] as const;
const POLL_MS = 50;

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

interface Probe {
  readonly ready: boolean;
  readonly waitingFor: readonly { readonly name: string }[];
  readonly notes?: readonly { readonly name: string; readonly reason: string }[];
}

async function probe({ facts }: ServiceProcess): Promise<Probe> {
  return (await (await fetch(`${facts!.health}/readyz`)).json()) as Probe;
}

/** Asks a gateway until it says so. */
async function untilProbe(
  gateway: ServiceProcess,
  isSo: (probe: Probe) => boolean,
): Promise<Probe> {
  for (;;) {
    const said = await probe(gateway);
    if (isSo(said)) return said;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function rolesThere({ facts }: ServiceProcess): Promise<readonly string[]> {
  const text = await (await fetch(`${facts!.health}/metrics`)).text();
  return ROLES.filter((role) => text.includes(`mosaic_role_answers{role="${role}"} 1`));
}

it('serves while a role is away, and not while all are', { timeout: 90_000 }, async () => {
  const nats = await startNats({ config: 'max_payload: 2MB' });
  closing.push(() => nats.stop());
  const redis = await startRedis({});
  closing.push(() => redis.stop());
  const services = await startServices({
    shared: { MOSAIC_NATS_URLS: nats.url, MOSAIC_REDIS_URLS: redis.url },
    workers: {},
    each: { gateway: { MOSAIC_ROLES_WAIT: '1s' } },
  });
  closing.push(() => services.close());
  const [gateway] = services.gateways;
  const [outbox, inbox, encryption] = services.workers;
  expect(await rolesThere(gateway!)).toEqual(ROLES);

  await inbox!.stop();
  const said = await untilProbe(gateway!, ({ notes }) => notes?.[0]?.name === 'role inbox');
  expect(said).toMatchObject({ ready: true, waitingFor: [] });
  expect(await rolesThere(gateway!)).toEqual(['outbox', 'encryption']);
  const client = await connectTo(services, 0);
  closing.push(() => client.close());
  const load = new Load(client);
  load.start();
  await load.more(10);
  await load.stop();
  expect(load.failed).toEqual([]);

  const newcomer = new ServiceProcess({ ...gateway!.spec, name: 'newcomer' }, () => {});
  closing.push(() => newcomer.stop());
  await newcomer.start();
  await untilReady(newcomer);

  await Promise.all([outbox!.stop(), encryption!.stop()]);
  for (const each of [gateway!, newcomer]) {
    const { ready } = await untilProbe(
      each,
      ({ waitingFor }) => waitingFor.length === ROLES.length,
    );
    expect(ready).toBe(false);
  }

  const again = new ServiceProcess(encryption!.spec, () => {});
  closing.push(() => again.stop());
  await again.start();
  for (const each of [gateway!, newcomer]) await untilReady(each);
});
