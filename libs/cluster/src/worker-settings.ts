/** Every setting of a role worker's process. */
import { budgetSettings, parseBudgets } from '@mosaic-cluster/abuse';
import { isMosaicError } from '@mosaic-cluster/protocol';
import { roleProblems, roleSettings } from '@mosaic-cluster/role';
import type { ConfigOf } from '@mosaic-cluster/runtime';
import { busProblems, busSettings } from './bus-settings.ts';
import { objectProblems, objectSettings } from './object-settings.ts';
import { processSettings } from './process-settings.ts';
import { redisProblems, redisSettings } from './redis-settings.ts';

const own = {
  reindex: {
    name: 'MOSAIC_REINDEX',
    type: 'enum',
    values: ['auto', 'off'],
    default: 'auto',
    doc: 'Whether the record index is made anew by itself where Redis has lost it, by one worker while all go on serving; off: an operator starts that.',
  },
} as const;

/** Settings of role workers in processes of their own. */
export const workerSettings: typeof own &
  typeof budgetSettings &
  typeof busSettings &
  typeof objectSettings &
  typeof redisSettings &
  typeof roleSettings &
  typeof processSettings = {
  ...busSettings,
  ...objectSettings,
  ...redisSettings,
  ...roleSettings,
  ...budgetSettings,
  ...own,
  ...processSettings,
};

/** What the settings of a role worker amount to. */
export type WorkerConfig = ConfigOf<typeof workerSettings>;

/** What is wrong with settings that are well formed, each by itself; sentences without secrets. */
export function workerProblems(config: WorkerConfig): string[] {
  return [
    ...busProblems(config),
    ...objectProblems(config),
    ...redisProblems(config),
    ...roleProblems(config),
    ...budgetProblems(config),
  ];
}

function budgetProblems({ budgets = '' }: WorkerConfig): string[] {
  try {
    parseBudgets(budgets);
    return [];
  } catch (error) {
    if (!isMosaicError(error)) throw error;
    return [`MOSAIC_BUDGETS: ${error.message}`];
  }
}
