/**
 * Sends clients away one after the other instead of all at once: where they reconnect, they do
 * not arrive as one storm.
 */
import type { Clock } from './clock.ts';

/** A connection that can be asked to go. */
export interface Leaving {
  /** Goes when what was submitted has been answered. */
  leave(): void;
  /** Goes at once. */
  shut(): void;
}

/** The part of the time over which goodbyes are spread; the rest is for answers under way. */
const SPREAD_PART = 0.8;
const TICK_MS = 20;

/**
 * Has every connection leave, in order, spread over most of the time.
 *
 * @param emptied resolves when the last of them is gone
 * @returns when they are all gone, or after `timeoutMs`, when the rest was shut
 */
export async function drainConnections(
  connections: readonly Leaving[],
  emptied: Promise<void>,
  timeoutMs: number,
  clock: Clock,
): Promise<void> {
  const start = clock.now();
  let left = 0;
  let stopTimer = (): void => {};
  const expired = new Promise<void>((resolve) => {
    const tick = (): void => {
      const elapsedMs = clock.now() - start;
      const part = timeoutMs > 0 ? elapsedMs / (timeoutMs * SPREAD_PART) : 1;
      const due = Math.ceil(connections.length * Math.min(1, part));
      while (left < due) connections[left++]!.leave();
      if (elapsedMs >= timeoutMs) resolve();
      else stopTimer = clock.schedule(tick, Math.min(TICK_MS, timeoutMs - elapsedMs));
    };
    tick();
  });
  await Promise.race([emptied, expired]);
  stopTimer();
  for (const connection of connections) connection.shut();
}
