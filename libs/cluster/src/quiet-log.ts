/** Keeps a fault that repeats itself, as a server that is gone does, from filling the log. */
import type { Logger } from '@mosaic-cluster/runtime';

const REPEAT_MS = 30_000;
const SENTENCES_MAX = 100;

/**
 * A way to warn that says each sentence once, and again only after a while.
 *
 * @param now milliseconds that never run backwards
 */
export function quietWarnings(
  log: () => Logger,
  now: () => number = () => performance.now(),
): (sentence: string) => void {
  const saidAt = new Map<string, number>();
  return (sentence) => {
    const last = saidAt.get(sentence);
    if (last !== undefined && now() - last < REPEAT_MS) return;
    if (saidAt.size >= SENTENCES_MAX) saidAt.clear();
    saidAt.set(sentence, now());
    log().warn(sentence);
  };
}
