/** Opens the verifier that the workers of a process share, as the settings say. */
import type { Lifecycle } from '@mosaic-cluster/runtime';
import { createVerifier, type Verifier } from '@mosaic-cluster/verifier';
import type { RoleConfig } from './role-settings.ts';

/** Opens a verifier that says in the log where it is slower than it could be, or failing. */
export async function openVerifier(
  { verifyThreads }: Pick<RoleConfig, 'verifyThreads'>,
  lifecycle: Lifecycle,
): Promise<Verifier> {
  const verifier = await createVerifier({
    ...(verifyThreads === undefined ? {} : { workers: verifyThreads }),
    onFallback: (reason) => lifecycle.log.warn(reason.message),
    onWorkerLost: (error) => lifecycle.log.error('a verification thread failed', { error }),
  });
  return lifecycle.add('verifier', verifier);
}
