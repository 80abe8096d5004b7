/** The settings by which people are judged, and which gateways and workers have alike. */
import { decodeUserKey, isMosaicError } from '@mosaic-cluster/protocol';

/** Settings of budgets, and of what else people are judged by. */
export const budgetSettings = {
  limits: {
    name: 'MOSAIC_LIMITS',
    type: 'boolean',
    default: true,
    doc: 'Whether clients are limited in what they may ask for at once, and authors in what they may store. Turn it off only to measure: bounds that protect memory stay.',
  },
  budgets: {
    name: 'MOSAIC_BUDGETS',
    type: 'string',
    lengthMax: 65_536,
    fromFile: true,
    optional: true,
    doc: 'Changes to the budgets of docs/limits.md, such as `submissions.address.anonymous=20/s:200, connections.key.*=100`.',
  },
  users: {
    name: 'MOSAIC_USERS',
    type: 'list',
    of: { type: 'string' },
    countMax: 100_000,
    default: 'none',
    doc: 'Users that are registered besides those in the registry, as mopub0 keys. The same for gateways and workers.',
  },
  futureMax: {
    name: 'MOSAIC_FUTURE_MAX',
    type: 'duration',
    min: '0s',
    default: '15m',
    doc: 'Records dated further ahead than this are refused. The same for gateways, which take it for a wrong clock and not for a forgery, and workers.',
  },
} as const;

/** What is wrong with the users that a setting names; sentences. */
export function userProblems(users: readonly string[]): string[] {
  return users.flatMap((user) => {
    try {
      decodeUserKey(user);
      return [];
    } catch (error) {
      if (!isMosaicError(error)) throw error;
      return [`MOSAIC_USERS: "${user}" is no user key: ${error.message}`];
    }
  });
}
