/**
 * Where things of an index lie on Redis: in which slot, under which key, in which row. What belongs
 * together in one step has one hash tag.
 */
import {
  duplicateHandlingAt,
  h64,
  MosaicError,
  RECORD_AT,
  type RecordView,
  type Reference,
  REFERENCE_BYTES,
} from '@mosaic-cluster/protocol';
import { headKeyOf, PATH, REGION, visitHeadKeys } from './index-path.ts';
import type { IndexPath } from './record-index.ts';
import { SIP_KEY_BYTES, sipHash } from './record-index-redis-hash.ts';

/** Parts that an index is divided in; each is in one slot. Another number is another format. */
export const SHARDS = 32;
/** Bytes of an ID that name a record in rows and tables; the rest is in the tables. */
export const FIELD_BYTES = 16;
/** Bytes of a path's hash in rows; the shard holds 5 bits more. */
const PATH_HASH_BYTES = 7;
const RECEIVED_AT_BYTES = 8;
const ADDRESS_BYTES = REFERENCE_BYTES;
/** Where the kind stands in an address. */
const ADDRESS_KIND_AT = RECORD_AT.kind - RECORD_AT.address;

/** Pages of one kind of row. */
export interface RowTree {
  readonly letter: string;
  /** Bytes of a row. */
  readonly rowBytes: number;
  /** Bytes that the rows of one path begin with. */
  readonly pathBytes: number;
}

/** `[path hash 7][ID 16]`: all paths but `received`. */
export const PATH_ROWS: RowTree = {
  letter: 'p',
  rowBytes: PATH_HASH_BYTES + FIELD_BYTES,
  pathBytes: PATH_HASH_BYTES,
};
/** `[received-at 8][ID 16]` */
export const RECEIVED_ROWS: RowTree = {
  letter: 'r',
  rowBytes: RECEIVED_AT_BYTES + FIELD_BYTES,
  pathBytes: 0,
};

/** A row and where it is. */
export interface PlacedRow {
  readonly tree: RowTree;
  readonly shard: number;
  readonly row: Buffer;
}

/** A field of a table and where it is. */
export interface PlacedField {
  readonly shard: number;
  readonly field: Buffer;
}

/** The bytes that name a record in rows and tables, a copy. */
export function fieldOf({ bytes }: RecordView): Buffer {
  return Buffer.from(bytes.subarray(0, FIELD_BYTES));
}

/** Whether only one record may hold an address. */
export function isReplaceableAddress(address: Reference): boolean {
  return duplicateHandlingAt(address, ADDRESS_KIND_AT) === 'replaceable';
}

/** Names everything of one index. */
export class RedisIndexKeys {
  /** What the keys of each shard begin with. */
  readonly shards: readonly Buffer[];
  /** What the keys of the state begin with. */
  readonly state: Buffer;
  /** Four keys of the hash. */
  readonly #secrets: readonly Uint8Array[];
  readonly #hash: Buffer = Buffer.alloc(8);
  readonly #receivedShard: number;

  /**
   * @param keyPrefix of the connection
   * @param name of the role: lower-case letters, digits and hyphens
   * @param secret makes it unforeseeable which paths share a hash; the same for all who use the index
   */
  constructor(keyPrefix: string, name: string, secret: string) {
    if (!/^[a-z0-9-]{1,64}$/.test(name)) {
      const message = `an index is named by lower-case letters, digits and hyphens, not "${name}"`;
      throw new MosaicError('invalid', 'index-name', message);
    }
    const tag = (n: number): string => `${name}.${n.toString(16).padStart(2, '0')}`;
    this.shards = Array.from({ length: SHARDS }, (_, n) => Buffer.from(`${keyPrefix}{${tag(n)}}`));
    this.state = Buffer.from(`${keyPrefix}{${name}}`);
    const seed = h64(
      Buffer.from(`mosaic record index on redis 1\n${keyPrefix}\n${name}\n${secret}`),
    );
    this.#secrets = [0, 1, 2, 3].map((n) => seed.slice(n * SIP_KEY_BYTES, (n + 1) * SIP_KEY_BYTES));
    this.#receivedShard = this.#shardOf(Uint8Array.of(REGION.head, PATH.received), 2);
  }

  /**
   * The field of a record in table `i`. Records of one time, some five hours, are in one shard: so they
   * come in, and so they are asked for.
   */
  record(field: Buffer): PlacedField {
    const time = Buffer.of(field[0]!, field[1]!, field[2]! & 0xf0);
    sipHash(this.#secrets[3]!, time, time.length, this.#hash, 0);
    return { shard: this.#hash[0]! % SHARDS, field };
  }

  /** The field of a replaceable address in table `a`. */
  address(address: Uint8Array): PlacedField {
    const field = Buffer.allocUnsafe(FIELD_BYTES);
    sipHash(this.#secrets[1]!, address, ADDRESS_BYTES, field, 0);
    sipHash(this.#secrets[2]!, address, ADDRESS_BYTES, field, 8);
    return this.addressField(field);
  }

  /** Where a field of table `a` is. */
  addressField(field: Buffer): PlacedField {
    return { shard: field[FIELD_BYTES - 1]! % SHARDS, field };
  }

  /** The row of path `received`. */
  receivedRow(receivedAt: Uint8Array, field: Uint8Array): PlacedRow {
    const row = Buffer.allocUnsafe(RECEIVED_ROWS.rowBytes);
    row.set(receivedAt);
    row.set(field, RECEIVED_AT_BYTES);
    return { tree: RECEIVED_ROWS, shard: this.#receivedShard, row };
  }

  /** The row of path `held`. */
  heldRow(field: Uint8Array): PlacedRow {
    return this.#pathRow(HELD, HELD.length, field);
  }

  /** The rows of a record on the paths that all records are on, and on that of what is held. */
  commonRows(field: Uint8Array, receivedAt: Uint8Array): PlacedRow[] {
    return [
      this.receivedRow(receivedAt, field),
      this.#pathRow(ALL, ALL.length, field),
      this.heldRow(field),
    ];
  }

  /**
   * All rows of a record, but for what a replaceable address has in table `a`. Some may come twice.
   *
   * @param receivedAt 8 bytes
   * @param held whether the row of path `held` is one of them
   */
  rows(record: RecordView, receivedAt: Uint8Array, held: boolean): PlacedRow[] {
    const { bytes } = record;
    const isReplaceable = record.duplicateHandling === 'replaceable';
    const rows = [this.receivedRow(receivedAt, bytes.subarray(0, FIELD_BYTES))];
    const add = (buffer: Uint8Array, length: number): void => {
      const path = buffer[length - 1];
      if (path === PATH.received || (path === PATH.address && isReplaceable)) return;
      rows.push(this.#pathRow(buffer, length, bytes));
    };
    add(ALL, ALL.length);
    visitHeadKeys(record, held, add);
    return rows;
  }

  /** Where the rows of a path are, and what they begin with. */
  path(path: IndexPath): { tree: RowTree; shard: number; start: Buffer } {
    if (path.path === 'received') {
      return { tree: RECEIVED_ROWS, shard: this.#receivedShard, start: Buffer.alloc(0) };
    }
    const key = path.path === 'all' ? ALL : headKeyOf(path);
    const shard = this.#shardOf(key, key.length);
    const start = Buffer.from(this.#hash.subarray(1, 1 + PATH_HASH_BYTES));
    return { tree: PATH_ROWS, shard, start };
  }

  /** @param field bytes that begin with the field of the record */
  #pathRow(headKey: Uint8Array, length: number, field: Uint8Array): PlacedRow {
    const shard = this.#shardOf(headKey, length);
    const row = Buffer.allocUnsafe(PATH_ROWS.rowBytes);
    for (let i = 0; i < PATH_HASH_BYTES; i++) row[i] = this.#hash[1 + i]!;
    for (let i = 0; i < FIELD_BYTES; i++) row[PATH_HASH_BYTES + i] = field[i]!;
    return { tree: PATH_ROWS, shard, row };
  }

  /** The shard of a path; its hash stays in `#hash`. */
  #shardOf(headKey: Uint8Array, length: number): number {
    sipHash(this.#secrets[0]!, headKey, length, this.#hash, 0);
    return this.#hash[0]! % SHARDS;
  }
}

const ALL: Uint8Array = Uint8Array.of(REGION.head, PATH.all);
const HELD: Uint8Array = Uint8Array.of(REGION.head, PATH.held);
