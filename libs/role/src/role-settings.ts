/** The settings that every process with role workers in it has, the embedded server included. */
import { decodeUserKey, isMosaicError } from '@mosaic-cluster/protocol';
import type { ConfigOf } from '@mosaic-cluster/runtime';

/** Settings of role workers. */
export const roleSettings = {
  admission: {
    name: 'MOSAIC_ADMISSION',
    type: 'enum',
    values: ['open', 'registered'],
    default: 'open',
    doc: 'Whom the server serves: everybody, or who is registered.',
  },
  users: {
    name: 'MOSAIC_USERS',
    type: 'list',
    of: { type: 'string' },
    countMax: 100_000,
    default: 'none',
    doc: 'Users that are registered besides those in the registry, as mopub0 keys.',
  },
  futureMax: {
    name: 'MOSAIC_FUTURE_MAX',
    type: 'duration',
    min: '0s',
    default: '15m',
    doc: 'Records dated further ahead than this are refused.',
  },
  tagsMax: {
    name: 'MOSAIC_TAGS_MAX',
    type: 'integer',
    min: 16,
    max: 16_383,
    default: 2048,
    doc: 'Records with more tags are refused with TOO_LARGE: each tag takes room in the index, some hundred bytes however short it is. 2048 is more than fit where each names a key; 16383 is all that fit.',
  },
  verifyThreads: {
    name: 'MOSAIC_VERIFY_THREADS',
    type: 'integer',
    min: 0,
    max: 64,
    optional: true,
    doc: 'Threads that check signatures; 0 checks them on the main thread. By default one fewer than there are processors.',
  },
  cacheBytes: {
    name: 'MOSAIC_CACHE_BYTES',
    type: 'bytes',
    min: '1MiB',
    default: '128MiB',
    doc: 'Memory for record bytes, per role.',
  },
} as const;

/** What the settings of role workers amount to. */
export type RoleConfig = ConfigOf<typeof roleSettings>;

/** What is wrong with settings that are well formed, each by itself; sentences. */
export function roleProblems({ users }: RoleConfig): string[] {
  const problems: string[] = [];
  for (const user of users) {
    const why = userKeyFault(user);
    if (why !== undefined) problems.push(`MOSAIC_USERS: "${user}" is no user key: ${why}`);
  }
  return problems;
}

function userKeyFault(user: string): string | undefined {
  try {
    decodeUserKey(user);
    return undefined;
  } catch (error) {
    if (isMosaicError(error)) return error.message;
    throw error;
  }
}
