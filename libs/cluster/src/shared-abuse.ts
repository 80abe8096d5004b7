/**
 * What gateways share of abuse control: over Redis, where they are told of one, else each is alone with
 * what it knows. A gateway serves while Redis is away.
 */
import {
  type AlwaysRegistered,
  BanBook,
  type BanBookOptions,
  createMemoryLimiter,
  isOneRegistered,
  type Limiter,
  type LimiterOptions,
  openRedisLimiter,
  REGISTERED_COLLECTION,
} from '@mosaic-cluster/abuse';
import type { PublicKey } from '@mosaic-cluster/protocol';
import { openRedisRegistryView } from '@mosaic-cluster/store/redis';
import { connectRedis } from './open-redis.ts';
import { quietWarnings } from './quiet-log.ts';
import { type OptionalRedisConfig, redisIn } from './redis-settings.ts';
import type { Service } from './service.ts';

export {
  type OptionalRedisConfig,
  optionalRedisProblems,
  optionalRedisSettings,
} from './redis-settings.ts';

/** The rules that limiter and bans go by. */
export type SharedAbuseRules = Pick<LimiterOptions, 'budgets' | 'penalties'> &
  Pick<BanBookOptions, 'alwaysAllowed'> & { readonly alwaysRegistered: AlwaysRegistered };

/** What a gateway's abuse control is made of. */
export interface SharedAbuse {
  readonly limiter: Limiter;
  /** Whether it counts together with those of other processes. */
  readonly isShared: boolean;
  readonly bans: BanBook;
  /** Whether one of these keys is a registered user's. */
  isRegistered(keys: readonly PublicKey[]): boolean | Promise<boolean>;
  /** Has somebody told that others may be registered than before. */
  onChange(told: () => void): void;
}

/**
 * Opens limiter and bans, waiting for Redis where that is not there yet. They close with the lifecycle.
 *
 * @throws MosaicError as `Service.await`
 */
export async function openSharedAbuse(
  config: OptionalRedisConfig,
  service: Service,
  rules: SharedAbuseRules,
): Promise<SharedAbuse> {
  const { lifecycle } = service;
  const redis = redisIn(config);
  if (redis === undefined) {
    lifecycle.log.warn(
      'MOSAIC_REDIS_URLS is not set: budgets hold for this gateway alone, and bans that operators make are not known',
    );
    const limiter = createMemoryLimiter(rules);
    lifecycle.add('limiter', limiter);
    return {
      limiter,
      isShared: false,
      bans: new BanBook(rules),
      isRegistered: (keys) => isOneRegistered(undefined, keys, rules.alwaysRegistered),
      onChange: () => {},
    };
  }
  const warn = quietWarnings(() => lifecycle.log);
  const connection = await connectRedis(redis, service, 'useful');
  const told: (() => void)[] = [];
  const registry = await service.await('the registry', () =>
    openRedisRegistryView({
      connection,
      onChange: (changed) => {
        void bans.refresh(changed);
        if (changed !== undefined && !changed.has(REGISTERED_COLLECTION)) return;
        for (const each of told) each();
      },
    }),
  );
  lifecycle.add('registry', registry);
  const bans = new BanBook({
    ...rules,
    registry,
    onError: (error) => {
      // Until they are read for the first time, readiness says what is waited for.
      if (bans.isRead) warn(`bans cannot be read: ${(error as Error).message}`);
    },
  });
  lifecycle.add('bans', bans);
  const limiter = await openRedisLimiter({ ...rules, connection });
  lifecycle.add('limiter', limiter);
  await bans.refresh();
  service.readiness.addCheck({
    name: 'bans',
    check: async () => {
      if (!bans.isRead) throw new Error(bans.fault());
    },
  });
  return {
    limiter,
    isShared: true,
    bans,
    isRegistered: (keys) => isOneRegistered(registry, keys, rules.alwaysRegistered),
    onChange: (each) => told.push(each),
  };
}
