/**
 * What is in the memory of those who serve: budgets in use, bans that misbehaviour earned. A data folder's
 * server is asked on its control socket, a cluster's gateways by what they tell one another on Redis.
 */
import {
  type BudgetTable,
  type EarnedBan,
  openRedisLimiter,
  parseBudgets,
  type Standing,
  type SubjectName,
  type SubjectReport,
} from '@mosaic-cluster/abuse';
import { blaming } from '@mosaic-cluster/client/command';
import { openRedis } from '@mosaic-cluster/store';
import { redisOptions } from '@mosaic-cluster/cluster/stores';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import { serverControl } from '@mosaic-cluster/standalone/data-folder';
import type { ClusterConfig } from '../config.ts';
import type { Place } from '../place/place-options.ts';

/** What can be asked. All throw `unavailable` where nobody answers. */
export interface AskedLimiter {
  report(subject: SubjectName, standing: Standing): Promise<SubjectReport>;
  /** At most 1,000, the longest first. */
  bans(): Promise<readonly EarnedBan[]>;
  pardon(subject: SubjectName): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens it.
 *
 * @param budgets that gateways go by; undefined: as the environment says
 * @throws MosaicError `unavailable` (`server-away` where no server runs)
 */
export function openLimiter(place: Place, budgets?: BudgetTable): Promise<AskedLimiter> {
  if (place.of === 'cluster') return openShared(place.config, budgets);
  const { path, holder } = place.view;
  if (holder === undefined) {
    const message = `no server runs on ${path}: budgets and the bans that misbehaviour earned are in its memory`;
    return Promise.reject(new MosaicError('unavailable', 'server-away', message));
  }
  const control = serverControl(path);
  return Promise.resolve({
    report: (subject, standing) => control.subject(subject, standing),
    bans: () => control.bans(),
    pardon: (subject) => control.pardon(subject),
    close: async () => {},
  });
}

/** The budgets of the command's own environment. @throws MosaicError `invalid` (`usage`) */
export function budgetsHere({ budgets }: Pick<ClusterConfig, 'budgets'>): BudgetTable {
  const remedy = 'Give what the gateways have.';
  return blaming('MOSAIC_BUDGETS', remedy, () => parseBudgets(budgets ?? ''));
}

async function openShared(config: ClusterConfig, table?: BudgetTable): Promise<AskedLimiter> {
  const budgets = table ?? budgetsHere(config);
  const connection = await openRedis(redisOptions(config));
  const limiter = await openRedisLimiter({ connection, budgets });
  /** A limiter that is alone says what it knows itself, which is nothing here. */
  const shared = <Told>(told: Told): Told => {
    const fault = limiter.fault();
    if (fault === undefined) return told;
    throw new MosaicError('unavailable', 'limits-away', `the gateways cannot be asked: ${fault}`);
  };
  return {
    report: async (subject, standing) => shared(await limiter.report(subject, standing)),
    bans: async () => shared(await limiter.bans()),
    pardon: async (subject) => {
      await limiter.pardon(subject);
      shared(undefined);
    },
    close: async () => {
      await limiter.close();
      await connection.close();
    },
  };
}

/** What was asked, or why nobody could be. */
export type Asked<Told> = { readonly told: Told } | { readonly why: string };

/** Asks something that can do without an answer. @throws what is no absence */
export async function askedOrWhy<Told>(
  place: Place,
  ask: (limiter: AskedLimiter) => Promise<Told>,
  budgets?: BudgetTable,
): Promise<Asked<Told>> {
  try {
    const limiter = await openLimiter(place, budgets);
    try {
      return { told: await ask(limiter) };
    } finally {
      await limiter.close();
    }
  } catch (error) {
    if (isMosaicError(error) && error.kind === 'unavailable') return { why: error.message };
    throw error;
  }
}
