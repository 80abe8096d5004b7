/** The registry's tables on Redis: reads, lists and changes facts in all shards at once. */
import { randomBytes } from 'node:crypto';
import { FACT_VERSION_BYTES, type FactBlock, factName, type NamedFact } from './fact-block.ts';
import type { RedisConnection, RedisReply, ScriptCall } from './redis-connection.ts';
import { type ChangedKeys, changesBetween, journalBody } from './registry-redis-journal.ts';
import {
  CLAIM_NEWS,
  COLLECTIONS_MAX,
  END_LEASE,
  FORGET_SEEN,
  LIST_FACTS,
  NOTE_FILLED,
  NOTE_SEEN,
  READ_FACTS,
  READ_JOURNAL,
  READ_SEEN,
  READ_VERSION,
  TAKE_LEASE,
} from './registry-redis-scripts.ts';
import {
  chunksOf,
  FACTS_LETTER,
  FACTS_PER_CALL_MAX,
  REGISTRY_SHARDS,
  RegistryShards,
  shardOf,
} from './registry-redis-shards.ts';

/** How long it is remembered that somebody was told of a change. */
const CLAIM_MS = 600_000;

/** What was read of one name: `incomplete` where its shard is not whole. */
export type FactRead = NamedFact | 'incomplete' | undefined;

/** Facts of all shards from one name on, in order. */
export interface FactsRead {
  readonly facts: readonly NamedFact[];
  readonly hasMore: boolean;
}

/** What a registry was at some time. */
export interface RegistryVersion {
  /** What is another string after every change; undefined: Redis was emptied. */
  readonly version: string | undefined;
  /** The collections that had facts, or may have had some; undefined: nobody knows. */
  readonly filled: ReadonlySet<string> | undefined;
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
  /** For those who look after them. */
  readonly shards: RegistryShards;
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
    this.shards = new RegistryShards(connection, this.#shards);
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

  /** What the registry is now. */
  async version(): Promise<RegistryVersion> {
    const reply = await this.#onCommon({ script: READ_VERSION, key: this.#common, args: [] });
    const [version, filled] = (reply as (Buffer | null)[]).map((each) => each?.toString('latin1'));
    return { version, filled: filled === undefined ? undefined : new Set(wordsOf(filled)) };
  }

  /**
   * Takes note that objects are in the tables, and has everybody look again.
   *
   * @param facts all that came into the tables with them
   */
  async note(
    scores: Iterable<readonly [key: string, score: number]>,
    facts: FactBlock,
  ): Promise<void> {
    const filled = behindSpaces(facts.collections(COLLECTIONS_MAX + 1));
    const args: (string | Buffer)[] = [
      randomBytes(12).toString('base64'),
      filled,
      journalBody(facts),
    ];
    for (const [key, score] of scores) args.push(String(score), key);
    await this.#onCommon({ script: NOTE_SEEN, key: this.#common, args });
  }

  /** What changed between two versions; undefined: that is not known. */
  async changes(before: string, after: string): Promise<ChangedKeys | undefined> {
    const reply = await this.#onCommon({ script: READ_JOURNAL, key: this.#common, args: [] });
    return changesBetween(reply as Buffer, before, after);
  }

  /** Takes note that no other collections had facts, unless something has changed since that version. */
  async noteFilled(version: string, filled: Iterable<string>): Promise<void> {
    const args = [version, behindSpaces(filled)];
    await this.#onCommon({ script: NOTE_FILLED, key: this.#common, args });
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
    return { script, key: this.#shards[shard]!, args: [FACTS_LETTER, ...args] };
  }

  async #onCommon(call: ScriptCall): Promise<RedisReply> {
    const [reply] = await this.#connection.run([call]);
    return reply!;
  }
}

function behindSpaces(words: Iterable<string>): string {
  return [...words].map((word) => ` ${word}`).join('');
}

function wordsOf(text: string): string[] {
  return text.split(' ').slice(1);
}

function decodeValue(name: Uint8Array, stored: Buffer): NamedFact {
  const isRemoved = stored[FACT_VERSION_BYTES] !== 0;
  return {
    name,
    version: stored.subarray(0, FACT_VERSION_BYTES),
    value: isRemoved ? undefined : Uint8Array.from(stored.subarray(FACT_VERSION_BYTES + 1)),
  };
}
