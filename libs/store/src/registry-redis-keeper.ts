/**
 * Looks after the registry on Redis, one process at a time: makes again what Redis has lost, brings in
 * changes whose writer died before it told Redis, and joins control objects.
 */
import { randomBytes } from 'node:crypto';
import { MosaicError } from '@mosaic-cluster/protocol';
import type { ControlObject, ControlObjects, JoinedControl } from './control-objects.ts';
import { FactBlock } from './fact-block.ts';
import { REGISTRY_SHARDS, type ShardMark } from './registry-redis-shards.ts';
import type { RegistryTables, SeenObjects } from './registry-redis-tables.ts';

/** What a keeper works with. */
export interface RegistryKeeperOptions {
  readonly tables: RegistryTables;
  readonly objects: ControlObjects;
  /** Nobody looks again for so long, unless something is missing. */
  readonly restMs: number;
  readonly now: () => number;
}

/** What came of a look: `busy` where somebody else is at it, or all was well a moment ago. */
export type KeeperOutcome = 'done' | 'busy';

const LEASE_MS = 15_000;
/** Objects are applied once more after this time: a failover may have lost the last writes. */
const ECHO_MS = 30_000;
/** The clocks of those who change the registry differ by less. */
const SKEW_MS = 600_000;
const ATTEMPTS_MAX = 5;
const SEEN = 1;
const SEEN_AGAIN = 2;

/** Keeps one registry; every process has one. */
export class RegistryKeeper {
  readonly #options: RegistryKeeperOptions;
  readonly #owner: string = randomBytes(12).toString('hex');
  #running: Promise<KeeperOutcome> | undefined;
  #leasedAtMs = 0;

  constructor(options: RegistryKeeperOptions) {
    this.#options = options;
  }

  /**
   * Has a look, unless one is under way here already.
   *
   * @param isUrgent something is missing: also shortly after the last look
   * @throws MosaicError of Redis or the object store; `corrupt` (`control-object`)
   */
  look(isUrgent: boolean): Promise<KeeperOutcome> {
    this.#running ??= this.#look(isUrgent).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Joins control objects, and spares everybody reading the outcome where its parts are known. */
  async join(isWhole: boolean): Promise<JoinedControl> {
    const { tables, objects } = this.#options;
    const joined = await objects.join(isWhole);
    const { output, inputs } = joined;
    if (output === undefined) return joined;
    const { scores } = await tables.seen();
    if (inputs.every((key) => scores.get(key) === SEEN_AGAIN)) {
      await tables.note([[output, SEEN_AGAIN]], FactBlock.empty);
    }
    return joined;
  }

  /** Waits for a look that is under way. */
  async close(): Promise<void> {
    await this.#running?.catch(() => undefined);
  }

  async #look(isUrgent: boolean): Promise<KeeperOutcome> {
    const { tables, restMs } = this.#options;
    if (!(await tables.lease(this.#owner, LEASE_MS, isUrgent))) return 'busy';
    this.#leasedAtMs = performance.now();
    try {
      await this.#mend();
      await this.join(false);
    } finally {
      await tables.endLease(this.#owner, restMs).catch(() => undefined);
    }
    return 'done';
  }

  async #mend(): Promise<void> {
    const { tables, now } = this.#options;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const startMs = now();
      const marks = await tables.shards.marks();
      const missing = marks.filter(({ is }) => is === 'missing');
      const stale = marks.filter(({ is }) => is === 'stale');
      if (missing.length > 0 && !(await this.#makeAgain(missing, startMs))) continue;
      if (stale.length > 0 && !(await this.#refresh(stale, startMs))) continue;
      const seen = await tables.seen();
      const objects = await this.#catchUp(seen, marks, startMs);
      if (objects === undefined) continue;
      const listed = new Set(objects.map(({ key }) => key));
      const gone = [...seen.scores.keys()].filter((key) => !listed.has(key));
      await tables.forget(startMs, gone);
      await tables.shards.stamp(startMs);
      await this.#noteFilled();
      return;
    }
    const message = 'the registry on Redis was emptied whenever it was made again';
    throw new MosaicError('unavailable', 'registry-incomplete', message);
  }

  /** Fills shards from nothing; false: it was disturbed. */
  async #makeAgain(marks: readonly ShardMark[], asOfMs: number): Promise<boolean> {
    const { tables, objects } = this.#options;
    const shards = new Set(marks.map(({ shard }) => shard));
    const token = randomBytes(12).toString('hex');
    // Before the objects are listed: a change that comes later tells Redis by itself.
    await tables.shards.begin(shards, token);
    const loaded = await objects.load();
    const how = { token, asOfMs, onProgress: () => this.#prolong() };
    if (!(await tables.shards.refill(loaded.block, shards, how))) return false;
    // Where only some shards were empty, the others may lack what nobody told Redis of.
    const isAll = shards.size === REGISTRY_SHARDS;
    await tables.note(isAll ? this.#scoresOf(loaded.objects) : [], loaded.block);
    return true;
  }

  /**
   * Brings into shards what their servers may have lost when they were started again, or when others took
   * over; false: it was disturbed.
   */
  async #refresh(marks: readonly ShardMark[], asOfMs: number): Promise<boolean> {
    const { tables, objects } = this.#options;
    const heldMs = Math.min(...marks.map((mark) => mark.asOfMs));
    const listed = await objects.list();
    const held = listed.filter(({ made }) => made.timeMs < heldMs - SKEW_MS);
    const loaded = await objects.load(new Set(held.map(({ key }) => key)));
    if (loaded.forgottenMs > heldMs) return this.#makeAgain(marks, asOfMs);
    const how = { asOfMs, onProgress: () => this.#prolong() };
    if (!(await tables.shards.adopt(loaded.block, marks, how))) return false;
    await tables.note([], loaded.block);
    return true;
  }

  /**
   * Brings in objects that Redis was not told of, and once more those that it was told of lately.
   *
   * @returns the objects that there are; undefined: all has to be looked at again
   */
  async #catchUp(
    seen: SeenObjects,
    marks: readonly ShardMark[],
    asOfMs: number,
  ): Promise<readonly ControlObject[] | undefined> {
    const { tables, objects } = this.#options;
    const listed = await objects.list();
    const known = new Set<string>();
    for (const [key, score] of this.#scoresOf(listed)) {
      if ((seen.scores.get(key) ?? 0) >= score) known.add(key);
    }
    if (known.size === listed.length) return listed;
    const loaded = await objects.load(known);
    if (seen.atMs > 0 && loaded.forgottenMs > seen.atMs) {
      // Redis was away for longer than removals are remembered: what it has may have been removed.
      return (await this.#makeAgain(marks, asOfMs)) ? loaded.objects : undefined;
    }
    await tables.shards.apply(loaded.block, () => this.#prolong());
    const added = loaded.objects.filter(({ key }) => !known.has(key));
    await tables.note(this.#scoresOf(added), loaded.block);
    return loaded.objects;
  }

  /**
   * Has everybody know which collections are empty, where that is unknown: Redis is new, had another
   * server, or was changed by a process of before this was noted.
   */
  async #noteFilled(): Promise<void> {
    const { tables } = this.#options;
    const { version, filled } = await tables.version();
    if (version === undefined || filled !== undefined) return;
    const found = await tables.shards.collections();
    if (found !== undefined) await tables.noteFilled(version, found);
  }

  #scoresOf(objects: readonly ControlObject[]): (readonly [key: string, score: number])[] {
    const echoMs = this.#options.now() - ECHO_MS;
    return objects.map(({ key, made }) => [key, made.timeMs < echoMs ? SEEN_AGAIN : SEEN]);
  }

  async #prolong(): Promise<void> {
    const elapsedMs = performance.now() - this.#leasedAtMs;
    if (elapsedMs < LEASE_MS / 3) return;
    this.#leasedAtMs = performance.now();
    await this.#options.tables.lease(this.#owner, LEASE_MS, true);
  }
}
