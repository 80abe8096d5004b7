/**
 * The joins of a role on an object store: lists them, reads them, and finds the one that a segment went
 * into that is no longer there.
 */
import { compareBytes, isMosaicError } from '@mosaic-cluster/protocol';
import type { ObjectStore } from '../object-store.ts';
import {
  encodeSegmentKey,
  OBJECT_POSITION_BYTES,
  parseTimedName,
  type SegmentKey,
  timedName,
} from '../segment-log-objects-address.ts';
import { JOIN_HEADER_BYTES } from './join-format.ts';
import { JoinTable } from './join-table.ts';

/** What the keys of all joins start with, unless somebody says otherwise. */
export const JOINS_PREFIX = 'joins/';
/** Of a join's object. */
export const JOIN_ENDING = '.join';
/** Of the object that says that the sources of a join are gone. */
export const DONE_ENDING = '.done';

/** Joins that are looked into for one segment; ranges overlap only where two compactors met. */
const LOOKED_INTO_MAX = 8;
/** Joins whose range is looked at for one segment. */
const LOOKED_AT_MAX = 4096;
/** Ranges looked at at the same time. */
const LOOKS_MAX = 16;
/** Where the key of the first source ends. */
const FIRST_SOURCE_END = JOIN_HEADER_BYTES + OBJECT_POSITION_BYTES;
/** Joins kept in memory, and their bytes. */
const KEPT_MAX = 8;
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** Where the joins of one role are. */
export interface SegmentJoinsOptions {
  readonly store: ObjectStore;
  /** What stands before a join's name. */
  readonly prefix: string;
  readonly role: string;
}

/** A join in a listing. */
export interface ListedJoin {
  /** Of the joined segment. */
  readonly key: SegmentKey;
  /** Whether its sources are gone. */
  readonly isDone: boolean;
}

/** The joins of one role. */
export class SegmentJoins {
  readonly #options: SegmentJoinsOptions;
  /** By name, the one used last at the end. Joins never change. */
  readonly #tables = new Map<string, JoinTable>();
  #bytes = 0;

  constructor(options: SegmentJoinsOptions) {
    this.#options = options;
  }

  /** What the object of a join is called. @param ending with its dot */
  nameOf(key: SegmentKey, ending: string = JOIN_ENDING): string {
    return this.#options.prefix + timedName(key, ending);
  }

  /** All joins behind a segment's key, and at it, in order. @throws what the store throws */
  async *list(from: SegmentKey | undefined, limit?: number): AsyncGenerator<ListedJoin> {
    const { store, prefix } = this.#options;
    let after = from === undefined ? undefined : prefix + timedName(from, '');
    // Of one key, `.done` comes before `.join`.
    let done = '';
    for (;;) {
      const { objects, hasMore } = await store.list({ prefix, after, limit });
      for (const { key: name } of objects) {
        const short = name.slice(prefix.length);
        if (short.endsWith(DONE_ENDING)) done = short.slice(0, -DONE_ENDING.length);
        const key = parseTimedName(short, JOIN_ENDING);
        if (key !== undefined) yield { key, isDone: timedName(key, '') === done };
      }
      after = objects.at(-1)?.key;
      if (!hasMore || after === undefined) return;
    }
  }

  /**
   * Reads a join; undefined: it is gone.
   *
   * @throws MosaicError `corrupt` (`join`), `invalid` (`join-version`), and what the store throws
   */
  async read(key: SegmentKey): Promise<JoinTable | undefined> {
    const name = this.nameOf(key);
    const known = this.#tables.get(name);
    if (known !== undefined) {
      this.#tables.delete(name);
      this.#tables.set(name, known);
      return known;
    }
    let bytes: Uint8Array;
    try {
      bytes = await this.#options.store.get(name);
    } catch (error) {
      if (isMosaicError(error) && error.kind === 'not-found') return undefined;
      throw error;
    }
    const table = new JoinTable(bytes, name);
    this.#keep(name, table);
    return table;
  }

  /**
   * The join that a segment went into; undefined: none is known. Segments go into joined ones behind
   * them, and nothing stands between but what was joined as well: each level of joining leaves all joins
   * of the levels below it there.
   *
   * @throws as {@link read}
   */
  async find(source: SegmentKey): Promise<JoinTable | undefined> {
    let lookedAt = 0;
    let lookedInto = 0;
    for await (const keys of this.#behind(source)) {
      // The first one is it nearly always.
      const mayHave = await Promise.all(
        keys.map(async (key) => lookedAt === 0 || this.#mayHave(key, source)),
      );
      for (const key of keys.filter((_, i) => mayHave[i])) {
        const table = await this.read(key);
        if (table !== undefined && table.indexOf(source) >= 0) return table;
        if (++lookedInto === LOOKED_INTO_MAX) return undefined;
      }
      lookedAt += keys.length;
      if (lookedAt >= LOOKED_AT_MAX) return undefined;
    }
    return undefined;
  }

  /** Keys of joins behind a segment: the next one, then some at a time. */
  async *#behind(source: SegmentKey): AsyncGenerator<SegmentKey[]> {
    let keys: SegmentKey[] = [];
    let isFirst = true;
    for await (const { key } of this.list(source, 8 * LOOKS_MAX)) {
      // A joined segment that was joined again.
      if (key.timeMs === source.timeMs && key.writer === source.writer) continue;
      keys.push(key);
      if (!isFirst && keys.length < LOOKS_MAX) continue;
      yield keys;
      keys = [];
      isFirst = false;
    }
    if (keys.length > 0) yield keys;
  }

  /** Whether the sources of a join begin before a segment, or with it, by a look at the first. */
  async #mayHave(key: SegmentKey, source: SegmentKey): Promise<boolean> {
    const name = this.nameOf(key);
    let bytes = this.#tables.get(name)?.bytes;
    try {
      bytes ??= await this.#options.store.get(name, { start: 0, end: FIRST_SOURCE_END });
    } catch (error) {
      if (isMosaicError(error) && error.kind === 'not-found') return false;
      throw error;
    }
    // One that is cut off cannot be read, and says so.
    if (bytes.length < FIRST_SOURCE_END) return true;
    const first = bytes.subarray(JOIN_HEADER_BYTES, FIRST_SOURCE_END);
    return compareBytes(first, encodeSegmentKey(source)) <= 0;
  }

  /** Forgets a join that was deleted. */
  forget(key: SegmentKey): void {
    const name = this.nameOf(key);
    this.#bytes -= this.#tables.get(name)?.bytes.length ?? 0;
    this.#tables.delete(name);
  }

  #keep(name: string, table: JoinTable): void {
    this.#bytes += table.bytes.length - (this.#tables.get(name)?.bytes.length ?? 0);
    this.#tables.set(name, table);
    for (const [oldest, { bytes }] of this.#tables) {
      if (this.#tables.size <= KEPT_MAX && this.#bytes <= KEPT_BYTES_MAX) return;
      if (oldest === name) return;
      this.#tables.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }
}
