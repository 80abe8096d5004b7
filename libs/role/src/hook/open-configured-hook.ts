/** Opens the policy hook that the settings name. */
import type { Lifecycle } from '@mosaic-cluster/runtime';
import type { RoleMetrics } from '../role-metrics.ts';
import { hookCommand, type RoleConfig } from '../role-settings.ts';
import { openPolicyHook, type PolicyHook } from './policy-hook.ts';

/** How long a program may take to end: asked to, told to, and killed. */
const CLOSE_TIMEOUT_MS = 10_000;

/**
 * Starts the program that the settings name; it ends with the lifecycle.
 *
 * @returns undefined: they name none
 * @throws MosaicError `invalid` (`policy-hook`) where there is no such program
 */
export async function openConfiguredHook(
  { policyHook, policyHookDefault, policyHookTimeout, policyHookPayload }: RoleConfig,
  lifecycle: Lifecycle,
  metrics: RoleMetrics,
): Promise<PolicyHook | undefined> {
  if (policyHook === undefined) return undefined;
  const hook = await openPolicyHook({
    command: hookCommand(policyHook),
    fallback: policyHookDefault,
    timeoutMs: policyHookTimeout,
    payloadBytesMax: policyHookPayload,
    log: lifecycle.log,
    events: metrics.hookEvents,
  });
  metrics.watchHook(hook);
  lifecycle.add('policy hook', hook, CLOSE_TIMEOUT_MS);
  return hook;
}
