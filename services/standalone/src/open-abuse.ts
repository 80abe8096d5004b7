/** Opens abuse control of the embedded server: budgets in memory, bans from the registry beside it. */
import {
  BanBook,
  changedKeys,
  type CountedAbuseControl,
  createAbuseControl,
  createMemoryLimiter,
  type Limiter,
} from '@mosaic-cluster/abuse';
import { abuseRules } from '@mosaic-cluster/gateway';
import type { Lifecycle } from '@mosaic-cluster/runtime';
import type { StandaloneConfig } from './config.ts';
import type { OpenRegistry } from './open-registry.ts';

/** Abuse control, and what it is made of. */
export interface OpenAbuse {
  readonly control: CountedAbuseControl;
  readonly limiter: Limiter;
}

/** Opens it; it closes with the lifecycle. */
export async function openAbuse(
  config: StandaloneConfig,
  { registry, onNews }: OpenRegistry,
  lifecycle: Lifecycle,
): Promise<OpenAbuse> {
  const rules = abuseRules(config);
  const bans = new BanBook({
    ...rules,
    registry,
    onError: (error) => lifecycle.log.error('bans cannot be read', { error }),
  });
  lifecycle.add('bans', bans);
  onNews((news) => void bans.refresh(changedKeys(news)));
  await bans.refresh();
  const limiter = createMemoryLimiter(rules);
  lifecycle.add('limiter', limiter);
  return { control: createAbuseControl({ limiter, bans, isLimiting: config.limits }), limiter };
}
