/** The registry's tables on Redis: reads, lists and changes facts in all shards at once. */
import { randomBytes } from 'node:crypto';
import { crc32c } from './crc32c.ts';
import { FACT_VERSION_BYTES, type FactBlock, factName, type NamedFact } from './fact-block.ts';
import type { RedisConnection, RedisReply, ScriptCall } from './redis-connection.ts';
import {
  APPLY_FACTS,
  BEGIN_SHARD,
  CLAIM_NEWS,
  END_LEASE,
  FINISH_SHARD,
  FORGET_SEEN,
  IS_WHOLE,
  LIST_FACTS,
  NOTE_SEEN,
  READ_FACTS,
  READ_SEEN,
  READ_VERSION,
  TAKE_LEASE,
} from './registry-redis-scripts.ts';

/** Shards of a registry. */
export const REGISTRY_SHARDS = 32;

const LETTER = 'f';
const REMOVED = 1;
/** Facts of one script call, which nothing else on that server can interrupt. */
const FACTS_PER_CALL_MAX = 128;
/** Facts sent to all shards together. */
const FACTS_AT_ONCE = 2048;
/** How long a shard waits for whoever makes it again. */
const TOKEN_MS = 30_000;
/** How long it is remembered that somebody was told of a change. */
const CLAIM_MS = 600_000;

/** What was read of one name: `incomplete` where its shard is not whole. */
export type FactRead = NamedFact | 'incomplete' | undefined;

/** Facts of all shards from one name on, in order. */
export interface FactsRead {
  readonly facts: readonly NamedFact[];
  readonly hasMore: boolean;
}

/** What the objects in the tables are known as. */
export interface SeenObjects {
  /** When all was well last, in milliseconds since 1970; 0: never. */
  readonly atMs: number;
  /** By key: 1: applied once, 2: and looked at again later. */
  readonly scores: ReadonlyMap<string, number>;
}

/** One registry on Redis. All calls throw as `RedisConnection.run`. */
export class RegistryTables {
  readonly #connection: RedisConnection;
  readonly #shards: readonly Buffer[];
  readonly #common: Buffer;

  /** @param name tells registries apart; without braces */
  constructor(connection: RedisConnection, name: string) {
    this.#connection = connection;
    const key = (tag: string): Buffer => Buffer.from(`${connection.keyPrefix}{${tag}}`);
    this.#shards = Array.from({ length: REGISTRY_SHARDS }, (_, n) =>
      key(`${name}:${n.toString(16).padStart(2, '0')}`),
    );
    this.#common = key(name);
  }

  /** Facts by their names, in order: one message per server. */
  async read(names: readonly Buffer[]): Promise<FactRead[]> {
    const groups = new Map<number, number[]>();
    names.forEach((name, i) => {
      const shard = shardOf(name);
      const group = groups.get(shard);
      if (group === undefined) groups.set(shard, [i]);
      else group.push(i);
    });
    const chunks = [...groups].flatMap(([shard, at]) =>
      chunksOf(at, FACTS_PER_CALL_MAX).map((some) => ({ shard, at: some })),
    );
    const replies = await this.#connection.run(
      chunks.map(({ shard, at }) =>
        this.#call(
          READ_FACTS,
          shard,
          at.map((i) => names[i]!),
        ),
      ),
    );
    const found = new Array<FactRead>(names.length);
    chunks.forEach(({ at }, n) => {
      const [isWhole, ...values] = replies[n] as [number, ...(Buffer | null)[]];
      at.forEach((i, k) => {
        if (isWhole === 0) found[i] = 'incomplete';
        else found[i] = values[k] ? decodeValue(names[i]!, values[k]) : undefined;
      });
    });
    return found;
  }

  /** A part of a collection; undefined: a shard is not whole. */
  async list(collection: string, after: Uint8Array, limit: number): Promise<FactsRead | undefined> {
    const from = factName(collection, after);
    const stop = factName(collection, new Uint8Array(0));
    stop[stop.length - 1] = 1;
    // Facts are spread evenly, more or less.
    const wanted = Math.min(limit, Math.ceil((2 * limit) / REGISTRY_SHARDS) + 16);
    const replies = await this.#connection.run(
      this.#shards.map((_, shard) => this.#call(LIST_FACTS, shard, [from, stop, wanted])),
    );
    let horizon: Buffer | undefined;
    const facts: NamedFact[] = [];
    for (const reply of replies) {
      const [isWhole, next, ...pairs] = reply as [number, Buffer, ...Buffer[]];
      if (isWhole === 0) return undefined;
      const isNearer = horizon === undefined || Buffer.compare(next, horizon) < 0;
      if (next.length > 0 && isNearer) horizon = next;
      for (let i = 0; i < pairs.length; i += 2) facts.push(decodeValue(pairs[i]!, pairs[i + 1]!));
    }
    const near =
      horizon === undefined ? facts : facts.filter(({ name }) => Buffer.compare(name, horizon) < 0);
    near.sort((a, b) => Buffer.compare(a.name, b.name));
    return { facts: near.slice(0, limit), hasMore: near.length > limit || horizon !== undefined };
  }

  /**
   * Brings facts in, the newer of two staying.
   *
   * @param rebuilt the shards to bring them into, and the token that they were begun with
   * @param onProgress called now and then
   * @returns false: somebody else makes a shard again, or it was emptied
   */
  async apply(
    block: FactBlock,
    rebuilt?: { readonly shards: ReadonlySet<number>; readonly token: string },
    onProgress: () => Promise<void> = async () => {},
  ): Promise<boolean> {
    for (let at = 0; at < block.count; ) {
      const groups = new Map<number, Buffer[]>();
      for (const end = Math.min(block.count, at + FACTS_AT_ONCE); at < end; at++) {
        const fact = block.at(at);
        const shard = shardOf(fact.name);
        if (rebuilt?.shards.has(shard) === false) continue;
        const group = groups.get(shard) ?? [];
        group.push(Buffer.from(fact.name), encodeValue(fact));
        groups.set(shard, group);
      }
      const calls = [...groups].flatMap(([shard, pairs]) =>
        chunksOf(pairs, 2 * FACTS_PER_CALL_MAX).map((some) =>
          this.#call(APPLY_FACTS, shard, [rebuilt?.token ?? '', TOKEN_MS, ...some]),
        ),
      );
      const replies = await this.#connection.run(calls);
      if (replies.includes(0)) return false;
      await onProgress();
    }
    return true;
  }

  /** The shards that are not whole. */
  async incomplete(): Promise<Set<number>> {
    const replies = await this.#eachShard((shard) => ({
      script: IS_WHOLE,
      key: this.#shards[shard]!,
      args: [],
    }));
    return new Set(replies.flatMap((reply, shard) => (reply === 1 ? [] : [shard])));
  }

  /** Empties shards to make them again. */
  async begin(shards: ReadonlySet<number>, token: string): Promise<void> {
    await this.#connection.run(
      [...shards].map((shard) => this.#call(BEGIN_SHARD, shard, [token, TOKEN_MS])),
    );
  }

  /** Makes shards whole; false: see {@link apply}. */
  async finish(shards: ReadonlySet<number>, token: string): Promise<boolean> {
    const calls = [...shards].map((shard): ScriptCall => {
      return { script: FINISH_SHARD, key: this.#shards[shard]!, args: [token] };
    });
    return !(await this.#connection.run(calls)).includes(0);
  }

  /** What is another string after every change; undefined: Redis was emptied. */
  async version(): Promise<string | undefined> {
    const reply = await this.#onCommon({ script: READ_VERSION, key: this.#common, args: [] });
    return Buffer.isBuffer(reply) ? reply.toString('latin1') : undefined;
  }

  /** Takes note that objects are in the tables, and has everybody look again. */
  async note(scores: Iterable<readonly [key: string, score: number]>): Promise<void> {
    const args = [randomBytes(12).toString('base64')];
    for (const [key, score] of scores) args.push(String(score), key);
    await this.#onCommon({ script: NOTE_SEEN, key: this.#common, args });
  }

  async seen(): Promise<SeenObjects> {
    const reply = await this.#onCommon({ script: READ_SEEN, key: this.#common, args: [] });
    const [at, ...words] = (reply as Buffer[]).map(String);
    const scores = new Map<string, number>();
    for (let i = 0; i < words.length; i += 2) scores.set(words[i]!, Number(words[i + 1]));
    return { atMs: Number(at), scores };
  }

  /**
   * Of objects those that no process has claimed before, to tell what is new in them.
   *
   * @param group who claims for what is done with the news: each group claims for itself
   * @param nowMs the time in milliseconds since 1970; claims are remembered for ten minutes
   */
  async claim(keys: readonly string[], nowMs: number, group: string): Promise<string[]> {
    if (keys.length === 0) return [];
    const prefix = `${group}:`;
    const args = [nowMs, nowMs - CLAIM_MS, ...keys.map((key) => prefix + key)];
    const reply = await this.#onCommon({ script: CLAIM_NEWS, key: this.#common, args });
    return (reply as Buffer[]).map((each) => String(each).slice(prefix.length));
  }

  /** Takes note that all was well at a time, and that objects are no more. */
  async forget(atMs: number, keys: readonly string[]): Promise<void> {
    await this.#onCommon({ script: FORGET_SEEN, key: this.#common, args: [atMs, ...keys] });
  }

  /** Takes or prolongs the lease of whoever looks after the tables. */
  async lease(owner: string, leaseMs: number, isUrgent: boolean): Promise<boolean> {
    const args = [owner, leaseMs, isUrgent ? 1 : 0];
    return (await this.#onCommon({ script: TAKE_LEASE, key: this.#common, args })) === 1;
  }

  /** Ends the lease. */
  async endLease(owner: string, restMs: number): Promise<void> {
    await this.#onCommon({ script: END_LEASE, key: this.#common, args: [owner, restMs] });
  }

  #call(script: ScriptCall['script'], shard: number, args: ScriptCall['args']): ScriptCall {
    return { script, key: this.#shards[shard]!, args: [LETTER, ...args] };
  }

  #eachShard(call: (shard: number) => ScriptCall): Promise<RedisReply[]> {
    return this.#connection.run(this.#shards.map((_, shard) => call(shard)));
  }

  async #onCommon(call: ScriptCall): Promise<RedisReply> {
    const [reply] = await this.#connection.run([call]);
    return reply!;
  }
}

/** The shard that a name is in. */
export function shardOf(name: Uint8Array): number {
  return crc32c(name, 0, name.length) % REGISTRY_SHARDS;
}

function encodeValue({ version, value }: NamedFact): Buffer {
  const flags = Buffer.of(value === undefined ? REMOVED : 0);
  return Buffer.concat([version, flags, value ?? new Uint8Array(0)]);
}

function decodeValue(name: Uint8Array, stored: Buffer): NamedFact {
  const isRemoved = stored[FACT_VERSION_BYTES] !== 0;
  return {
    name,
    version: stored.subarray(0, FACT_VERSION_BYTES),
    value: isRemoved ? undefined : Uint8Array.from(stored.subarray(FACT_VERSION_BYTES + 1)),
  };
}

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  const chunks: T[][] = [];
  for (let at = 0; at < items.length; at += size) chunks.push(items.slice(at, at + size));
  return chunks;
}
