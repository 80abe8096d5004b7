/**
 * When all segments of a role were last looked through for what was removed: an object whose name says up to
 * which removals. So a role is read as a whole only where something was removed since.
 */
import { randomInt } from 'node:crypto';
import type { ObjectStore } from '../object-store.ts';
import { parseTimedName, timedName } from '../segment-log-objects-address.ts';

const ENDING = '.swept';
const WRITERS = 0x1_0000_0000;

/** A look through all segments. */
export interface Sweep {
  /** What was removed before is in no segment any more; milliseconds since 1970. */
  readonly untilMs: number;
  /** When it was done, by the store's clock. */
  readonly doneAtMs: number;
}

/**
 * The last sweep of a role; undefined: there was none. One of the future was noted while a clock was wrong: to
 * believe it would put off the next one until then.
 *
 * @param prefix of its joins
 * @param nowMs milliseconds since 1970
 * @throws what the store throws
 */
export async function lastSweep(
  store: ObjectStore,
  prefix: string,
  nowMs: number,
): Promise<Sweep | undefined> {
  const sweeps = await listSweeps(store, prefix);
  return sweeps.findLast(({ sweep }) => sweep.untilMs <= nowMs)?.sweep;
}

/** Notes a sweep in the place of those before it. @throws what the store throws */
export async function noteSweep(
  store: ObjectStore,
  prefix: string,
  untilMs: number,
): Promise<void> {
  const before = await listSweeps(store, prefix);
  const name = timedName({ timeMs: untilMs, writer: randomInt(WRITERS) }, ENDING);
  await store.put(prefix + name, new Uint8Array(0));
  const older = before.filter(({ sweep }) => sweep.untilMs <= untilMs);
  if (older.length > 0) await store.delete(older.map(({ key }) => key));
}

async function listSweeps(
  store: ObjectStore,
  prefix: string,
): Promise<{ readonly key: string; readonly sweep: Sweep }[]> {
  const sweeps: { readonly key: string; readonly sweep: Sweep }[] = [];
  for (let after: string | undefined; ; ) {
    const { objects, hasMore } = await store.list({ prefix, after });
    for (const { key, modifiedAtMs: doneAtMs } of objects) {
      const parsed = parseTimedName(key.slice(prefix.length), ENDING);
      if (parsed !== undefined) sweeps.push({ key, sweep: { untilMs: parsed.timeMs, doneAtMs } });
    }
    after = objects.at(-1)?.key;
    if (!hasMore || after === undefined) return sweeps;
  }
}
