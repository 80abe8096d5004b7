/**
 * Reads tables of the index on Redis. What many callers ask for in one turn of the event loop goes in
 * one call per shard: a query that walks fifty paths follows their rows all at once.
 */
import type { PlacedField, RedisIndexKeys } from './record-index-redis-keys.ts';
import { FieldMemory } from './record-index-redis-memory.ts';
import { READ_TABLE } from './record-index-redis-tables.ts';
import type { RedisConnection } from './redis-connection.ts';

/** Most fields of one call, which nothing else on that server can interrupt. */
const FIELDS_PER_CALL_MAX = 256;

/** Table `i`: records by ID; `a`: by replaceable address. */
export type TableLetter = 'i' | 'a';

/** What is known of the shard that a field is in. */
export interface ShardState {
  /** Grows when something is removed there. */
  readonly epoch: number;
  /** Positions that are being removed, as latin1. */
  readonly removing: ReadonlySet<string>;
}

/** Values of fields, in order, and what is known of their shards. */
export interface TableRead {
  readonly values: (Buffer | undefined)[];
  readonly states: ShardState[];
}

interface Reply {
  readonly state: ShardState;
  readonly version: string;
  readonly values: readonly (Buffer | null)[];
}

/** What the script answers. */
type TableReply = [
  epoch: number,
  removing: Buffer[],
  version: Buffer,
  ...values: (Buffer | null)[],
];

/** A call that is being put together. */
interface Gathering {
  readonly letter: TableLetter;
  readonly shard: number;
  readonly fields: Buffer[];
  readonly reply: Promise<Reply>;
  readonly send: (reply: Promise<Reply>) => void;
}

/** Reads for one index. */
export class TableReads {
  readonly #connection: RedisConnection;
  readonly #keys: RedisIndexKeys;
  /** By table and shard: the call that further fields go in. */
  #open = new Map<string, Gathering>();
  #gathered: Gathering[] = [];
  readonly #memory = new FieldMemory();

  constructor(connection: RedisConnection, keys: RedisIndexKeys) {
    this.#connection = connection;
    this.#keys = keys;
  }

  /**
   * Reads fields. A server that fails fails those reads only that have a field there.
   *
   * @throws MosaicError as `RedisConnection.run`
   */
  async read(letter: TableLetter, fields: readonly PlacedField[]): Promise<TableRead> {
    const values = new Array<Buffer | undefined>(fields.length);
    const states = new Array<ShardState>(fields.length);
    const reads = [...byShard(fields)].map(([shard, at]) =>
      this.#readSome(letter, shard, fields, at, (i, value, { state }) => {
        values[i] = value;
        states[i] = state;
      }),
    );
    await Promise.all(reads);
    return { values, states };
  }

  /**
   * Reads fields of table `i`, but asks only whether what is remembered still holds. The values must not be
   * changed.
   *
   * @throws MosaicError as `RedisConnection.run`
   */
  async recall(fields: readonly PlacedField[]): Promise<(Buffer | undefined)[]> {
    const values = new Array<Buffer | undefined>(fields.length);
    const read = (shard: number, at: readonly number[]): Promise<string> =>
      this.#readSome('i', shard, fields, at, (i, value, { version }) => {
        values[i] = value;
        if (value !== undefined) this.#memory.remember(fields[i]!.field, version, value);
      });
    const recalls = [...byShard(fields)].map(async ([shard, at]) => {
      const expected = this.#memory.versionOf(shard);
      for (const i of at) values[i] = this.#memory.valueOf(fields[i]!.field, expected);
      const known = at.filter((i) => values[i] !== undefined);
      const unknown = at.filter((i) => values[i] === undefined);
      const version = await read(shard, unknown);
      if (known.length > 0 && version !== expected) await read(shard, known);
    });
    await Promise.all(recalls);
    return values;
  }

  /**
   * Reads fields of one shard, and hands each value over.
   *
   * @param at which of the fields; none: only the version is asked for
   * @returns the version that the shard had in one of the calls
   */
  async #readSome(
    letter: TableLetter,
    shard: number,
    fields: readonly PlacedField[],
    at: readonly number[],
    take: (i: number, value: Buffer | undefined, reply: Reply) => void,
  ): Promise<string> {
    const replies: Promise<string>[] = [];
    let first = 0;
    do {
      const some = at.slice(first, first + FIELDS_PER_CALL_MAX);
      const call = this.#callFor(letter, shard, some.length);
      const start = call.fields.length;
      for (const i of some) call.fields.push(fields[i]!.field);
      const taken = call.reply.then((reply) => {
        some.forEach((i, n) => take(i, reply.values[start + n] ?? undefined, reply));
        return reply.version;
      });
      replies.push(taken);
      first += FIELDS_PER_CALL_MAX;
    } while (first < at.length);
    const [version] = await Promise.all(replies);
    return version!;
  }

  /** The call that has room for so many fields. */
  #callFor(letter: TableLetter, shard: number, count: number): Gathering {
    const name = `${letter}${shard}`;
    const open = this.#open.get(name);
    if (open !== undefined && open.fields.length + count <= FIELDS_PER_CALL_MAX) return open;
    let send!: (reply: Promise<Reply>) => void;
    const reply = new Promise<Reply>((resolve) => {
      send = resolve;
    });
    const call: Gathering = { letter, shard, fields: [], reply, send };
    this.#open.set(name, call);
    this.#gathered.push(call);
    if (this.#gathered.length === 1) setImmediate(() => this.#send());
    return call;
  }

  #send(): void {
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#open = new Map();
    for (const call of gathered) call.send(this.#ask(call));
  }

  async #ask({ letter, shard, fields }: Gathering): Promise<Reply> {
    const key = this.#keys.shards[shard]!;
    const call = { script: READ_TABLE, key, args: [letter, ...fields] };
    const [reply] = await this.#connection.run([call]);
    const [epoch, removing, now, ...values] = reply as TableReply;
    const version = now.toString('latin1');
    if (letter === 'i') this.#memory.hear(shard, version);
    const names = new Set(removing.map((position) => position.toString('latin1')));
    return { state: { epoch, removing: names }, version, values };
  }
}

/** Indexes of what is in each shard. */
export function byShard(placed: readonly { readonly shard: number }[]): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  placed.forEach(({ shard }, i) => {
    const group = groups.get(shard);
    if (group === undefined) groups.set(shard, [i]);
    else group.push(i);
  });
  return groups;
}
