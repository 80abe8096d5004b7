/** The settings that every process with role workers in it has, the embedded server included. */
import { budgetSettings, userProblems } from '@mosaic-cluster/abuse';
import { isMosaicError } from '@mosaic-cluster/protocol';
import { type ConfigOf, settingTexts } from '@mosaic-cluster/runtime';
import { parseAcceptRules } from './rules/parse-accept-rules.ts';

const own = {
  admission: {
    name: 'MOSAIC_ADMISSION',
    type: 'enum',
    values: ['open', 'registered'],
    default: 'open',
    doc: 'Whom the server serves: everybody, or who is registered.',
  },
  tagsMax: {
    name: 'MOSAIC_TAGS_MAX',
    type: 'integer',
    min: 16,
    max: 16_383,
    default: 2048,
    doc: 'Records with more tags are refused with TOO_LARGE: each tag takes room in the index, some hundred bytes however short it is. 2048 is more than fit where each names a key; 16383 is all that fit.',
  },
  accept: {
    name: 'MOSAIC_ACCEPT',
    type: 'string',
    optional: true,
    lengthMax: 4096,
    doc: 'What the roles accept, as a list of [role.]rule[.registered]=value with the rules kinds, bytes, tags, age, ahead and quota, such as inbox.bytes=64KiB, inbox.bytes.registered=1MiB, outbox.quota=1GiB; see docs/accept-rules.md. By default everything that is not too large, too old or too new for the rest.',
  },
  policyHook: {
    name: 'MOSAIC_POLICY_HOOK',
    type: 'string',
    optional: true,
    doc: 'An own program that decides on every record before it is stored: its path and its arguments, with blanks between them. It is run without a shell; see docs/policy-hook.md.',
  },
  policyHookDefault: {
    name: 'MOSAIC_POLICY_HOOK_DEFAULT',
    type: 'enum',
    values: ['accept', 'reject', 'busy'],
    default: 'busy',
    doc: 'What becomes of a record that the policy hook does not decide on, because it is late, gone or wrong: accept and reject decide in its place, busy has the submitter try again.',
  },
  policyHookTimeout: {
    name: 'MOSAIC_POLICY_HOOK_TIMEOUT',
    type: 'duration',
    min: '10ms',
    max: '15s',
    default: '2s',
    doc: 'How long the policy hook may take for a record.',
  },
  policyHookPayload: {
    name: 'MOSAIC_POLICY_HOOK_PAYLOAD',
    type: 'bytes',
    max: '1MiB',
    default: '64KiB',
    doc: 'Larger payloads are not shown to the policy hook.',
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

/** Settings of role workers. */
export const roleSettings: typeof own & Pick<typeof budgetSettings, 'users' | 'futureMax'> = {
  ...own,
  users: budgetSettings.users,
  futureMax: budgetSettings.futureMax,
};

/** What the settings of role workers amount to. */
export type RoleConfig = ConfigOf<typeof roleSettings>;

/** The settings that say what the role takes, as they are in force, by name; not how the hook is called. */
export function roleRules(config: RoleConfig): Record<string, string> {
  const { verifyThreads: _threads, cacheBytes: _cache, policyHook, ...rules } = own;
  const hook = config.policyHook === undefined ? 'not set' : 'set';
  return { ...settingTexts(rules, config), [policyHook.name]: hook };
}

/** What is wrong with settings that are well formed, each by itself; sentences. */
export function roleProblems({ users, accept, policyHook }: RoleConfig): string[] {
  const problems: string[] = [];
  const why = faultOf(() => parseAcceptRules(accept ?? ''));
  if (why !== undefined) problems.push(`MOSAIC_ACCEPT: ${why}`);
  if (policyHook !== undefined && hookCommand(policyHook)[0]?.includes('/') !== true) {
    problems.push(
      'MOSAIC_POLICY_HOOK: the program must be named by its path, such as /usr/local/bin/policy: it is not searched for',
    );
  }
  return [...problems, ...userProblems(users)];
}

/** The words of the policy hook's setting. */
export function hookCommand(setting: string): string[] {
  return setting.split(/\s+/).filter((word) => word !== '');
}

/** What somebody says is wrong; undefined: nothing. */
function faultOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    if (isMosaicError(error)) return error.message;
    throw error;
  }
}
