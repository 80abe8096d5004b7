/** Makes the verifier that the options ask for. */
import { InlineVerifier } from './inline-verifier.ts';
import { type VerifierOptions, verifierSettings } from './options.ts';
import { PoolVerifier } from './pool-verifier.ts';
import { QuickCheck } from './quick-check.ts';
import { exactTools, fastTools, quickTools } from './tools.ts';
import type { Verifier } from './verifier.ts';
import { defaultWorkerUrl } from './worker-script.ts';

/**
 * Creates a verifier; close it when done, its threads keep the process running.
 *
 * @throws MosaicError, as a rejection: `invalid` with code `verifier-option`; `unavailable` with
 *   code `verifier-not-built` or `verifier-worker` where the worker threads do not start
 */
export async function createVerifier(options: VerifierOptions = {}): Promise<Verifier> {
  const settings = verifierSettings(options);
  if (settings.workers === 0) {
    const tools = options.kind === 'exact' ? exactTools() : await fastTools();
    for (const reason of tools.fallbacks) options.onFallback?.(reason);
    return new InlineVerifier(tools, settings);
  }
  const isQuick = settings.quickRecordsMax > 0 && options.kind !== 'exact';
  const tools = isQuick ? await quickTools() : undefined;
  const quick = tools && new QuickCheck(tools, settings);
  const pool = new PoolVerifier(options.workerUrl ?? defaultWorkerUrl(), settings, options, quick);
  await pool.start();
  return pool;
}
