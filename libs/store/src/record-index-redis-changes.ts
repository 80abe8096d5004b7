/**
 * Gathers changes to an index on Redis by what they are made to, so that all changes of one step are
 * few calls, sent at once.
 */
import type { PlacedField, PlacedRow, RowTree } from './record-index-redis-keys.ts';
import { WRITE_ROWS } from './record-index-redis-rows.ts';
import { POINT_ITEMS, UNMARK } from './record-index-redis-tables.ts';
import type { ScriptCall } from './redis-connection.ts';

/** Most rows or items of one call, which nothing else on that server can interrupt. */
const CHANGES_PER_CALL_MAX = 256;

interface ShardRows {
  readonly tree: RowTree;
  readonly shard: number;
  readonly put: Buffer[];
  readonly taken: Buffer[];
}

interface ShardPointers {
  readonly put: Buffer[][];
  readonly taken: Buffer[][];
}

/** Changes of one step. None of them makes anything visible or invisible. */
export class StepChanges {
  readonly #shards: readonly Buffer[];
  readonly #rows = new Map<string, ShardRows>();
  readonly #pointers = new Map<number, ShardPointers>();

  /** @param shards what the keys of each shard begin with */
  constructor(shards: readonly Buffer[]) {
    this.#shards = shards;
  }

  /** Puts rows in or takes them out. */
  rows(rows: readonly PlacedRow[], put: boolean): void {
    for (const { tree, shard, row } of rows) {
      const name = `${tree.letter}${shard}`;
      let group = this.#rows.get(name);
      if (group === undefined) {
        group = { tree, shard, put: [], taken: [] };
        this.#rows.set(name, group);
      }
      (put ? group.put : group.taken).push(row);
    }
  }

  /** Puts a pointer in or takes it out. */
  pointer({ shard, field }: PlacedField, pointer: Buffer, put: boolean): void {
    let group = this.#pointers.get(shard);
    if (group === undefined) {
      group = { put: [], taken: [] };
      this.#pointers.set(shard, group);
    }
    (put ? group.put : group.taken).push([field, pointer]);
  }

  /** The calls that make the changes. */
  calls(): ScriptCall[] {
    const calls: ScriptCall[] = [];
    for (const { tree, shard, put, taken } of this.#rows.values()) {
      const { letter, rowBytes, pathBytes } = tree;
      const puts = chunks(sortedRows(put));
      const takes = chunks(sortedRows(taken));
      for (let n = 0; n < Math.max(puts.length, takes.length); n++) {
        const both = [Buffer.concat(puts[n] ?? []), Buffer.concat(takes[n] ?? [])];
        const args = [letter, rowBytes, pathBytes, ...both];
        calls.push({ script: WRITE_ROWS, key: this.#shards[shard]!, args });
      }
    }
    for (const [shard, { put, taken }] of this.#pointers) {
      const key = this.#shards[shard]!;
      for (const some of chunks(put)) {
        calls.push({ script: POINT_ITEMS, key, args: ['i', some.length, ...some.flat()] });
      }
      for (const some of chunks(taken)) {
        calls.push({ script: POINT_ITEMS, key, args: ['i', 0, ...some.flat()] });
      }
    }
    return calls;
  }
}

/** Calls that end removals. */
export function unmarkCalls(
  shards: readonly Buffer[],
  marked: ReadonlyMap<number, readonly Buffer[]>,
): ScriptCall[] {
  return [...marked].flatMap(([shard, positions]) =>
    chunks(positions).map((some) => ({ script: UNMARK, key: shards[shard]!, args: some })),
  );
}

/** Cuts what one call would take too long for. */
export function chunks<T>(items: readonly T[]): T[][] {
  const cut: T[][] = [];
  for (let at = 0; at < items.length; at += CHANGES_PER_CALL_MAX) {
    cut.push(items.slice(at, at + CHANGES_PER_CALL_MAX));
  }
  return cut;
}

/** Rows in order, each once. */
function sortedRows(rows: Buffer[]): Buffer[] {
  if (rows.length < 2) return rows;
  rows.sort((a, b) => Buffer.compare(a, b));
  return rows.filter((row, i) => i === 0 || !row.equals(rows[i - 1]!));
}
