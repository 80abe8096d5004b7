/**
 * The control objects of a registry: written once each, read by whoever wants to know, joined from time
 * to time. All of them together are what is known, so nobody has to agree with anybody on an order.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { equalBytes, isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import { type ControlContent, decodeControl, encodeControl } from './control-format.ts';
import { FactBlock, mergeBlocks, type NamedFact } from './fact-block.ts';
import type { ObjectStore } from './object-store.ts';
import type { Compacted } from './registry.ts';
import {
  decodeSegmentKey,
  encodeSegmentKey,
  parseTimedName,
  type SegmentKey,
  timedName,
} from './segment-log-objects-address.ts';

const PREFIX = 'control/';
const ENDING = '.facts';
/** From so many objects on, some are joined. */
export const JOIN_FROM = 32;
/** An object is joined with smaller ones that together have at least this part of its bytes. */
const JOIN_PART = 4;
/** Objects read at the same time. */
const READS_AT_ONCE = 8;
/** A removal is remembered for so long, for those who were away. */
export const FORGET_MS: number = 30 * 86_400_000;
/** A listing with more is not one of a registry. */
const OBJECTS_MAX = 100_000;
const ATTEMPTS_MAX = 16;
const WRITERS = 2 ** 32;

/** What a registry does with its objects. */
export interface ControlObjectsOptions {
  readonly store: ObjectStore;
  /** The time in milliseconds since 1970. */
  readonly now: () => number;
}

/** A control object, as a listing shows it. */
export interface ControlObject {
  readonly key: string;
  readonly bytes: number;
  readonly made: SegmentKey;
}

/** Objects and what they hold together. */
export interface LoadedControl extends ControlContent {
  readonly objects: readonly ControlObject[];
}

/** A change that is kept. */
export interface KeptChange {
  readonly key: string;
  readonly block: FactBlock;
  readonly changedAtMs: number;
}

/** Objects that became one. */
export interface JoinedControl extends Compacted {
  readonly inputs: readonly string[];
  /** Undefined: there was nothing to join. */
  readonly output: string | undefined;
}

/** Reads and writes the control objects of one object store. */
export class ControlObjects {
  readonly #store: ObjectStore;
  readonly #now: () => number;
  #writer: number = randomInt(WRITERS);
  #lastMs = 0;

  constructor({ store, now }: ControlObjectsOptions) {
    this.#store = store;
    this.#now = now;
  }

  /** All objects, in the order of their names. Foreign ones are passed over. */
  async list(): Promise<ControlObject[]> {
    const found: ControlObject[] = [];
    for (let after: string | undefined; ; ) {
      const page = await this.#store.list({ prefix: PREFIX, after });
      for (const { key, bytes } of page.objects) {
        const made = parseTimedName(key.slice(PREFIX.length), ENDING);
        if (made !== undefined) found.push({ key, bytes, made });
      }
      if (!page.hasMore) return found;
      after = page.objects.at(-1)?.key;
      if (found.length > OBJECTS_MAX) {
        const message = `there are more than ${OBJECTS_MAX} objects below ${PREFIX} in ${this.#store.name}: compact the registry`;
        throw new MosaicError('limited', 'control-objects', message);
      }
    }
  }

  /**
   * Everything that is known, without what a caller has.
   *
   * @param known keys of objects that need not be read
   * @throws MosaicError `corrupt` (`control-object`), or what the store throws
   */
  async load(known: ReadonlySet<string> = new Set()): Promise<LoadedControl> {
    const read = new Map<string, ControlContent>();
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const objects = await this.list();
      const missing = objects.filter(({ key }) => !known.has(key) && !read.has(key));
      if (missing.length === 0) {
        return { objects, ...joined([...read.values()]) };
      }
      // What is gone by now was joined with others into one that the next listing shows.
      await this.#readAll(keysOf(missing), read);
    }
    throw this.#restless();
  }

  /** What some objects hold together; those that are not there are passed over. */
  async read(keys: readonly string[]): Promise<FactBlock> {
    const read = new Map<string, ControlContent>();
    await this.#readAll(keys, read);
    return joined([...read.values()]).block;
  }

  /**
   * Writes a change. Its time is behind that of everything that is there already.
   *
   * @throws MosaicError as the store; after `unavailable` the change may be there or appear later
   */
  async put(changes: readonly Omit<NamedFact, 'version'>[]): Promise<KeptChange> {
    const newest = (await this.list()).at(-1);
    let block = FactBlock.empty;
    const made = await this.#write(newest, (key) => {
      const version = encodeSegmentKey(key);
      block = FactBlock.of(changes.map((change) => ({ ...change, version })));
      return { block, forgottenMs: 0 };
    });
    return { key: keyOf(made), block, changedAtMs: made.timeMs };
  }

  /**
   * Joins objects into one, then removes them. Any number of processes may do so at the same time: each
   * removes only what it wrote again before.
   *
   * @param isWhole all objects; else, where there are many, the small ones
   */
  async join(isWhole: boolean): Promise<JoinedControl> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const objects = await this.list();
      const chosen = isWhole ? objects : smallOnes(objects);
      const objectsBefore = objects.length;
      if (chosen.length < 2) {
        return { objectsBefore, objectsAfter: objectsBefore, inputs: [], output: undefined };
      }
      const read = new Map<string, ControlContent>();
      await this.#readAll(keysOf(chosen), read);
      // Another process has just joined some of them.
      if (read.size < chosen.length) continue;
      const content = joined([...read.values()]);
      const output =
        chosen.length === objectsBefore ? forgetting(content, this.#now() - FORGET_MS) : content;
      const made = await this.#write(objects.at(-1), () => output);
      const inputs = keysOf(chosen);
      await this.#store.delete(inputs);
      const objectsAfter = objectsBefore - chosen.length + 1;
      return { objectsBefore, objectsAfter, inputs, output: keyOf(made) };
    }
    throw this.#restless();
  }

  async #readAll(keys: readonly string[], into: Map<string, ControlContent>): Promise<void> {
    const left = keys.values();
    const work = async (): Promise<void> => {
      for (const key of left) {
        const bytes = await this.#store.get(key).catch((error: unknown) => {
          if (isMosaicError(error) && error.kind === 'not-found') return undefined;
          throw error;
        });
        if (bytes === undefined) continue;
        into.set(key, decodeControl(bytes, `${key} in ${this.#store.name}`));
      }
    };
    await Promise.all(Array.from({ length: READS_AT_ONCE }, work));
  }

  #restless(): MosaicError {
    const message = `the control objects in ${this.#store.name} changed whenever they were read`;
    return new MosaicError('unavailable', 'control-restless', message);
  }

  /** Writes under a name that is behind all others. */
  async #write(
    newest: ControlObject | undefined,
    contentOf: (made: SegmentKey) => ControlContent,
  ): Promise<SegmentKey> {
    for (let attempt = 1; ; attempt++) {
      const timeMs = Math.max(this.#now(), this.#lastMs + 1, (newest?.made.timeMs ?? 0) + 1);
      this.#lastMs = timeMs;
      const made = { timeMs, writer: this.#writer };
      const bytes = encodeControl(contentOf(made), randomBytes(8));
      try {
        await this.#store.put(keyOf(made), bytes);
        return made;
      } catch (error) {
        if (!isMosaicError(error) || error.code !== 'object-exists') throw error;
        // Either the answer to an earlier request was lost, or another process drew the same number.
        const stored = await this.#store.get(keyOf(made)).catch(() => undefined);
        if (stored !== undefined && equalBytes(stored, bytes)) return made;
        if (attempt === ATTEMPTS_MAX) throw error;
        this.#writer = randomInt(WRITERS);
      }
    }
  }
}

/** The objects to join: those whose joining costs little beside what it saves. */
function smallOnes(objects: readonly ControlObject[]): readonly ControlObject[] {
  if (objects.length < JOIN_FROM) return [];
  const sorted = objects.toSorted((a, b) => a.bytes - b.bytes);
  let count = 0;
  let sum = 0;
  for (const { bytes } of sorted) {
    if (count >= 2 && bytes > JOIN_PART * sum) break;
    sum += bytes;
    count += 1;
  }
  return sorted.slice(0, count);
}

function joined(contents: readonly ControlContent[]): ControlContent {
  return {
    block: mergeBlocks(contents.map(({ block }) => block)),
    forgottenMs: contents.reduce((last, each) => Math.max(last, each.forgottenMs), 0),
  };
}

/** Without old removals; right only where nothing is left besides that they could concern. */
function forgetting({ block, forgottenMs }: ControlContent, beforeMs: number): ControlContent {
  const left = block.forgetting(beforeMs);
  if (left.count === block.count) return { block, forgottenMs };
  return { block: left, forgottenMs: Math.max(forgottenMs, beforeMs) };
}

function keysOf(objects: readonly ControlObject[]): string[] {
  return objects.map(({ key }) => key);
}

/** When an object was written, by its key, in milliseconds since 1970; undefined: it is none. */
export function controlTimeMs(key: string): number | undefined {
  return parseTimedName(key.slice(PREFIX.length), ENDING)?.timeMs;
}

/** The key of the object that a change with a version was first written in. */
export function controlKeyOf(version: Uint8Array): string {
  return keyOf(decodeSegmentKey(version));
}

function keyOf(made: SegmentKey): string {
  return PREFIX + timedName(made, ENDING);
}
