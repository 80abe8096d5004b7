/** Opens abuse control of the embedded server: budgets in memory, bans from the registry beside it. */
import {
  BanBook,
  changedKeys,
  type CountedAbuseControl,
  createAbuseControl,
  createMemoryLimiter,
  type Limiter,
  ProcessReporter,
} from '@mosaic-cluster/abuse';
import { abuseRules, abuseSettingTexts, gatewaySettingTexts } from '@mosaic-cluster/gateway';
import { moderationSetting } from '@mosaic-cluster/inbox';
import { roleRules } from '@mosaic-cluster/role';
import { type Lifecycle, settingTexts } from '@mosaic-cluster/runtime';
import type { StandaloneConfig } from './config.ts';
import type { OpenRegistry } from './open-registry.ts';
import { VERSION } from './version.ts';

/** Abuse control, and what it is made of. */
export interface OpenAbuse {
  readonly control: CountedAbuseControl;
  readonly limiter: Limiter;
  /** Tells operators what the server goes by. */
  readonly reporter: ProcessReporter;
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
  const control = createAbuseControl({ limiter, bans, isLimiting: config.limits });
  const reporter = new ProcessReporter({
    service: 'standalone',
    version: VERSION,
    rules: {
      ...abuseSettingTexts(config),
      ...gatewaySettingTexts(config),
      ...roleRules(config),
      ...settingTexts({ moderation: moderationSetting }, config),
    },
    budgets: rules.budgets,
    users: rules.alwaysRegistered,
    limiter: config.limits ? limiter : undefined,
    isShared: false,
  });
  return { control, limiter, reporter };
}
