/**
 * Which segments a walk over the log passes over: those that were joined, and whose joined segment is
 * there. What counts is what was there when the walk was asked for: a segment joined since is read where
 * it is, because the walk may have passed the place of the joined one already.
 */
import type { ObjectStore } from '../object-store.ts';
import { type SegmentKey, segmentName } from '../segment-log-objects-address.ts';
import type { TableSource } from './join-table.ts';
import type { SegmentJoins } from './segment-joins.ts';

/** What to find out. */
export interface JoinedSourcesOptions {
  readonly store: ObjectStore;
  /** What stands before a segment's name. */
  readonly prefix: string;
  readonly joins: SegmentJoins;
}

/** Joined segments whose sources are still there: asked in the order of the keys. */
export class JoinedSources {
  readonly #joins: SegmentJoins;
  /** In order. */
  readonly #keys: readonly SegmentKey[];

  /** @param keys of joined segments, in order */
  constructor(joins: SegmentJoins, keys: readonly SegmentKey[]) {
    this.#joins = joins;
    this.#keys = keys;
  }

  /** Looks which joins there are behind a key. @throws what the store throws */
  static async look(
    { store, prefix, joins }: JoinedSourcesOptions,
    behind: SegmentKey | undefined,
  ): Promise<JoinedSources> {
    const keys: SegmentKey[] = [];
    for await (const { key, isDone } of joins.list(behind)) {
      if (isDone) continue;
      const joined = await store.head(prefix + segmentName(key));
      if (joined !== undefined) keys.push(key);
    }
    return new JoinedSources(joins, keys);
  }

  /**
   * Whether all that a segment holds is in a joined one. Where entries were left out it is not: they may be
   * wanted again.
   *
   * @throws as `SegmentJoins.read`
   */
  async has(segment: SegmentKey): Promise<boolean> {
    return (await this.sourceOf(segment))?.leftOut === 0;
  }

  /** What a join says of a segment; undefined: it is in none. @throws as `SegmentJoins.read` */
  async sourceOf(segment: SegmentKey): Promise<TableSource | undefined> {
    // Ranges overlap only where two compactors met; so the one that ends next is it, or the one after.
    const next = this.#nextAt(segment);
    for (const key of this.#keys.slice(next, next + 2)) {
      const table = await this.#joins.read(key);
      const at = table?.indexOf(segment) ?? -1;
      if (table !== undefined && at >= 0) return table.source(at);
    }
    return undefined;
  }

  #nextAt({ timeMs, writer }: SegmentKey): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const key = this.#keys[middle]!;
      if (key.timeMs < timeMs || (key.timeMs === timeMs && key.writer <= writer)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Nothing was joined. */
export const NOTHING_JOINED: Pick<JoinedSources, 'has'> = { has: async () => false };
