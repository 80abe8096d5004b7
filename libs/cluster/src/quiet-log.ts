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
    const fault = faultIn(sentence);
    const last = saidAt.get(fault);
    if (last !== undefined && now() - last < REPEAT_MS) return;
    if (saidAt.size >= SENTENCES_MAX) saidAt.clear();
    saidAt.set(fault, now());
    log().warn(sentence);
  };
}

/**
 * A sentence without what is another with each attempt: the request's id of an object store, by how
 * many seconds clocks differ.
 */
export function faultIn(sentence: string): string {
  return sentence
    .replace(/\brequest [\w+/=.-]+/g, 'request')
    .replace(/\b\d+ seconds apart\b/g, 'apart');
}
