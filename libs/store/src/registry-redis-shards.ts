/**
 * The shards of a registry on Redis as those see them who look after them: what they hold, as of when,
 * and how facts get in. A shard counts for lookups only while it is whole.
 */
import { crc32c } from './crc32c.ts';
import { FACT_VERSION_BYTES, type FactBlock, type NamedFact } from './fact-block.ts';
import type { RedisConnection, ScriptCall } from './redis-connection.ts';
import {
  ADOPT_WHOLE,
  APPLY_FACTS,
  BEGIN_SHARD,
  COLLECTIONS_MAX,
  FINISH_SHARD,
  READ_COLLECTIONS,
  READ_WHOLE,
  STAMP_WHOLE,
} from './registry-redis-scripts.ts';

/** Shards of a registry. */
export const REGISTRY_SHARDS = 32;
/** The letter of their tables. */
export const FACTS_LETTER = 'f';
/** Facts of one script call, which nothing else on that server can interrupt. */
export const FACTS_PER_CALL_MAX = 128;

const REMOVED = 1;
const VALUE_AT: number = FACT_VERSION_BYTES + 1;
/** Calls that one shard gets together. */
const CALLS_AT_ONCE = 4;
/** Shards that get facts at the same time: while Redis works on some, others are written out. */
const SHARDS_AT_ONCE = 4;
/** How long a shard waits for whoever makes it again. Who takes over does not wait for it. */
const TOKEN_MS = 600_000;

/** What a shard holds: everything, what it held when another server had it, or nobody knows what. */
export interface ShardMark {
  readonly shard: number;
  readonly is: 'whole' | 'stale' | 'missing';
  /** What was known at this time is in it, where it is not missing. In milliseconds since 1970. */
  readonly asOfMs: number;
  /** Run id of the server that has it now. */
  readonly server: string;
}

/** Told now and then that things go on. */
export type OnProgress = () => Promise<void>;

/** All shards of one registry. All calls throw as `RedisConnection.run`. */
export class RegistryShards {
  readonly #connection: RedisConnection;
  readonly #keys: readonly Buffer[];

  /** @param keys of each shard, in order */
  constructor(connection: RedisConnection, keys: readonly Buffer[]) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /** Brings facts in, the newer of two staying. */
  async apply(block: FactBlock, onProgress?: OnProgress): Promise<void> {
    await this.#bringIn(placesOf(block), { block, token: '', onProgress });
  }

  /** What each shard holds. */
  async marks(): Promise<ShardMark[]> {
    const calls = this.#keys.map((key) => ({ script: READ_WHOLE, key, args: [] }));
    return (await this.#connection.run(calls)).map((reply, shard) => {
      const [at, server, isWhole] = reply as [Buffer, Buffer, number];
      const is = at.length === 0 ? 'missing' : isWhole === 1 ? 'whole' : 'stale';
      return { shard, is, asOfMs: Number(at.toString()), server: server.toString() };
    });
  }

  /** The collections that have facts or had some; undefined: a shard is not whole, or there are too many. */
  async collections(): Promise<ReadonlySet<string> | undefined> {
    const args = [FACTS_LETTER, COLLECTIONS_MAX + 1];
    const replies = await this.#connection.run(
      this.#keys.map((_, shard) => this.#call(READ_COLLECTIONS, shard, args)),
    );
    const found = new Set<string>();
    for (const reply of replies) {
      const [isWhole, ...names] = reply as [number, ...Buffer[]];
      if (isWhole === 0) return undefined;
      for (const name of names) found.add(name.toString('latin1'));
    }
    return found.size > COLLECTIONS_MAX ? undefined : found;
  }

  /** Empties shards to make them again. */
  async begin(shards: ReadonlySet<number>, token: string): Promise<void> {
    const args = [FACTS_LETTER, token, TOKEN_MS];
    const calls = [...shards].map((shard) => this.#call(BEGIN_SHARD, shard, args));
    await this.#connection.run(calls);
  }

  /**
   * Fills shards that were begun; each is whole as soon as it is full.
   *
   * @param block all that was known at `asOfMs`
   * @returns false: somebody else makes one again, or it was emptied
   */
  refill(
    block: FactBlock,
    shards: ReadonlySet<number>,
    how: { readonly token: string; readonly asOfMs: number; readonly onProgress: OnProgress },
  ): Promise<boolean> {
    const { token, asOfMs } = how;
    const done = (shard: number): ScriptCall => this.#call(FINISH_SHARD, shard, [token, asOfMs]);
    return this.#bringIn(placesOf(block, shards), { ...how, block, done });
  }

  /**
   * Makes stale shards whole.
   *
   * @param block what became known from their times up to `asOfMs`
   * @returns false: one was emptied, or has yet another server
   */
  adopt(
    block: FactBlock,
    marks: readonly ShardMark[],
    how: { readonly asOfMs: number; readonly onProgress: OnProgress },
  ): Promise<boolean> {
    const servers = new Map(marks.map(({ shard, server }) => [shard, server]));
    const done = (shard: number): ScriptCall =>
      this.#call(ADOPT_WHOLE, shard, [servers.get(shard)!, how.asOfMs]);
    return this.#bringIn(placesOf(block, servers), { ...how, block, token: '', done });
  }

  /** All that was known at a time is in the shards that are whole. */
  async stamp(asOfMs: number): Promise<void> {
    await this.#connection.run(
      this.#keys.map((_, shard) => this.#call(STAMP_WHOLE, shard, [asOfMs])),
    );
  }

  /** @param places of each shard's facts in the block */
  async #bringIn(
    places: ReadonlyMap<number, readonly number[]>,
    how: {
      readonly block: FactBlock;
      readonly token: string;
      readonly onProgress?: OnProgress | undefined;
      readonly done?: (shard: number) => ScriptCall;
    },
  ): Promise<boolean> {
    const { block, token, onProgress, done } = how;
    let isIntact = true;
    const fill = async (shard: number, facts: readonly number[]): Promise<boolean> => {
      for (const some of chunksOf(facts, CALLS_AT_ONCE * FACTS_PER_CALL_MAX)) {
        const calls = chunksOf(some, FACTS_PER_CALL_MAX).map((few) => {
          const pairs = few.flatMap((at) => fieldOf(block.at(at)));
          return this.#call(APPLY_FACTS, shard, [FACTS_LETTER, token, TOKEN_MS, ...pairs]);
        });
        if ((await this.#connection.run(calls)).includes(0)) return false;
        await onProgress?.();
      }
      return done === undefined || (await this.#connection.run([done(shard)]))[0] === 1;
    };
    const left = places.entries();
    const work = async (): Promise<void> => {
      for (const [shard, facts] of left) {
        if (!isIntact) return;
        // Whatever goes wrong with one ends the work on the others.
        const isFull = await fill(shard, facts).catch((error: unknown) => {
          isIntact = false;
          throw error;
        });
        isIntact &&= isFull;
      }
    };
    await Promise.all(Array.from({ length: SHARDS_AT_ONCE }, work));
    return isIntact;
  }

  #call(script: ScriptCall['script'], shard: number, args: ScriptCall['args']): ScriptCall {
    return { script, key: this.#keys[shard]!, args };
  }
}

/** The shard that a name is in. */
export function shardOf(name: Uint8Array): number {
  return crc32c(name, 0, name.length) % REGISTRY_SHARDS;
}

/** Pieces of a list. */
export function chunksOf<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size));
  return chunks;
}

/** Where the facts of each shard are in a block, of those that are wanted even if there are none. */
function placesOf(
  block: FactBlock,
  wanted?: ReadonlySet<number> | ReadonlyMap<number, unknown>,
): Map<number, number[]> {
  const places = new Map<number, number[]>();
  for (const shard of wanted?.keys() ?? []) places.set(shard, []);
  for (let at = 0; at < block.count; at++) {
    const shard = shardOf(block.at(at).name);
    const facts = places.get(shard);
    if (facts !== undefined) facts.push(at);
    else if (wanted === undefined) places.set(shard, [at]);
  }
  return places;
}

/** What stands in a table for a fact. */
function fieldOf({ name, version, value }: NamedFact): [field: Buffer, value: Buffer] {
  const stored = Buffer.allocUnsafe(VALUE_AT + (value?.length ?? 0));
  stored.set(version);
  stored[FACT_VERSION_BYTES] = value === undefined ? REMOVED : 0;
  if (value !== undefined) stored.set(value, VALUE_AT);
  return [Buffer.from(name.buffer, name.byteOffset, name.length), stored];
}
