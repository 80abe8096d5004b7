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
  /** How often something was removed there. */
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
  /** Read in any case. */
  readonly fields: Buffer[];
  /** Read where the version of the shard is not that in which they are remembered. */
  readonly known: Buffer[];
  readonly version: string;
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
   * Reads fields of table `i` as {@link read} does, but takes what is remembered and still holds. The values
   * must not be changed.
   *
   * @throws MosaicError as `RedisConnection.run`
   */
  async recall(fields: readonly PlacedField[]): Promise<(Buffer | undefined)[]> {
    const values = new Array<Buffer | undefined>(fields.length);
    const replies: Promise<void>[] = [];
    for (const [shard, at] of byShard(fields)) {
      for (let first = 0; first < at.length; first += FIELDS_PER_CALL_MAX) {
        const some = at.slice(first, first + FIELDS_PER_CALL_MAX);
        const call = this.#callFor('i', shard, some.length);
        const unread = some.filter((i) => !this.#recallOne(call, fields[i]!.field, i, values));
        const start = call.fields.length;
        for (const i of unread) call.fields.push(fields[i]!.field);
        const known = some.filter((i) => values[i] !== undefined);
        const knownAt = call.known.length;
        for (const i of known) call.known.push(fields[i]!.field);
        const taken = call.reply.then((reply) => {
          const take = (i: number, value: Buffer | null | undefined): void => {
            values[i] = value ?? undefined;
            if (value) this.#memory.remember(fields[i]!.field, reply.version, value);
          };
          unread.forEach((i, n) => take(i, reply.values[start + n]));
          if (reply.version === call.version) return;
          known.forEach((i, n) => take(i, reply.values[call.fields.length + knownAt + n]));
        });
        replies.push(taken);
      }
    }
    await Promise.all(replies);
    return values;
  }

  /** Whether a field is remembered in the version that a call asks for. */
  #recallOne(
    { version }: Gathering,
    field: Buffer,
    at: number,
    values: (Buffer | undefined)[],
  ): boolean {
    values[at] = this.#memory.valueOf(field, version);
    return values[at] !== undefined;
  }

  /**
   * Reads fields. A server that fails fails those reads only that have a field there.
   *
   * @throws MosaicError as `RedisConnection.run`
   */
  async read(letter: TableLetter, fields: readonly PlacedField[]): Promise<TableRead> {
    const values = new Array<Buffer | undefined>(fields.length);
    const states = new Array<ShardState>(fields.length);
    const replies: Promise<void>[] = [];
    for (const [shard, at] of byShard(fields)) {
      for (let first = 0; first < at.length; first += FIELDS_PER_CALL_MAX) {
        const some = at.slice(first, first + FIELDS_PER_CALL_MAX);
        const call = this.#callFor(letter, shard, some.length);
        const start = call.fields.length;
        for (const i of some) call.fields.push(fields[i]!.field);
        const taken = call.reply.then((reply) => {
          some.forEach((i, n) => {
            values[i] = reply.values[start + n] ?? undefined;
            states[i] = reply.state;
          });
        });
        replies.push(taken);
      }
    }
    await Promise.all(replies);
    return { values, states };
  }

  /** The call that has room for so many fields. */
  #callFor(letter: TableLetter, shard: number, count: number): Gathering {
    const name = `${letter}${shard}`;
    const open = this.#open.get(name);
    const asked = open === undefined ? 0 : open.fields.length + open.known.length;
    if (open !== undefined && asked + count <= FIELDS_PER_CALL_MAX) return open;
    let send!: (reply: Promise<Reply>) => void;
    const reply = new Promise<Reply>((resolve) => {
      send = resolve;
    });
    const version = letter === 'i' ? this.#memory.versionOf(shard) : '';
    const call: Gathering = { letter, shard, fields: [], known: [], version, reply, send };
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

  async #ask({ letter, shard, fields, known, version }: Gathering): Promise<Reply> {
    const key = this.#keys.shards[shard]!;
    const expected = Buffer.from(version, 'latin1');
    const args = [letter, expected, fields.length, ...fields, ...known];
    const call = { script: READ_TABLE, key, args };
    const [reply] = await this.#connection.run([call]);
    const [epoch, removing, now, ...values] = reply as TableReply;
    const heard = now.toString('latin1');
    if (letter === 'i') this.#memory.hear(shard, heard);
    const names = new Set(removing.map((position) => position.toString('latin1')));
    return { state: { epoch, removing: names }, version: heard, values };
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
