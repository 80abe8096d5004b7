/**
 * The registry in memory: everything is read at the start, and what other processes change as soon as
 * they have written it. For the embedded server and for commands.
 */
import { ControlObjects, JOIN_FROM } from './control-objects.ts';
import {
  changeOf,
  FactBlock,
  factName,
  factOf,
  mergeBlocks,
  type NamedFact,
} from './fact-block.ts';
import type { ObjectStore } from './object-store.ts';
import {
  assertLookup,
  type Changed,
  type Compacted,
  type Fact,
  type FactChange,
  type FactListing,
  type FactPage,
  listingLimit,
  type Registry,
  registryClosed,
} from './registry.ts';
import { type NamedChange, RegistryChanges } from './registry-changes.ts';

/** How a registry in memory is opened. */
export interface MemoryRegistryOptions {
  /** Closing the registry leaves it open. */
  readonly store: ObjectStore;
  /** Time between two looks at what others changed; 500 by default. */
  readonly pollMs?: number;
  /** Told of what changed after the start, at most once each; it must not throw. */
  readonly onNews?: (news: readonly FactChange[]) => void;
  /** Told of the first of several failures to look at what others changed, and of damage. */
  readonly onError?: (error: unknown) => void;
  /** The time in milliseconds since 1970. */
  readonly now?: () => number;
}

const POLL_MS = 500;
/** Blocks of which the larger has less than so many times the bytes of the smaller are merged. */
const MERGE_RATIO = 4;

/**
 * Reads all control objects.
 *
 * @throws MosaicError `corrupt` (`control-object`) naming the object that is damaged, or what the
 *   store throws
 */
export async function openMemoryRegistry(options: MemoryRegistryOptions): Promise<Registry> {
  const registry = new MemoryRegistry(options);
  await registry.open();
  return registry;
}

class MemoryRegistry implements Registry {
  readonly #objects: ControlObjects;
  readonly #changes: RegistryChanges;
  readonly #options: MemoryRegistryOptions;
  readonly #pollMs: number;
  readonly #now: () => number;
  /** What is known: the largest first. */
  #blocks: FactBlock[] = [];
  /** Keys of the objects that are in the blocks. */
  #known = new Set<string>();
  #readAtMs = 0;
  #reading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #failure: unknown;
  #isClosed = false;

  constructor(options: MemoryRegistryOptions) {
    const { store, pollMs = POLL_MS, now = Date.now } = options;
    this.#options = options;
    this.#pollMs = pollMs;
    this.#now = now;
    this.#objects = new ControlObjects({ store, now });
    this.#changes = new RegistryChanges((changes) => this.#keep(changes));
  }

  async open(): Promise<void> {
    await this.#read(false);
    this.#wait();
  }

  change(changes: readonly FactChange[]): Promise<Changed> {
    return this.#changes.add(changes);
  }

  async get(
    collection: string,
    keys: readonly Uint8Array[],
  ): Promise<readonly (Fact | undefined)[]> {
    this.#assertOpen();
    assertLookup(collection, keys);
    return keys.map((key) => this.peek(collection, key) ?? undefined);
  }

  peek(collection: string, key: Uint8Array): Fact | null {
    const found = this.#find(factName(collection, key));
    return found?.value === undefined ? null : factOf({ ...found, value: found.value });
  }

  async list(listing: FactListing): Promise<FactPage> {
    this.#assertOpen();
    const limit = listingLimit(listing);
    const { collection, after } = listing;
    const from = factName(collection, after ?? new Uint8Array(0));
    const end = factName(collection, new Uint8Array(0));
    end[end.length - 1] = 1;
    const facts: Fact[] = [];
    for (const { name, version, value } of this.#walk(from, end)) {
      if (value === undefined || (after !== undefined && Buffer.compare(name, from) === 0))
        continue;
      if (facts.length === limit) return { facts, hasMore: true };
      facts.push(factOf({ name, version, value }));
    }
    return { facts, hasMore: false };
  }

  async compact(): Promise<Compacted> {
    this.#assertOpen();
    return this.#join(true);
  }

  fault(): string | undefined {
    if (this.#failure === undefined) return undefined;
    const { message } = this.#failure as Error;
    return `changes that others make to the registry are not seen: ${message}`;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#changes.close();
    await this.#reading;
  }

  async #keep(changes: readonly NamedChange[]): Promise<Changed> {
    const { key, block, changedAtMs } = await this.#objects.put(changes);
    this.#take(block, true);
    this.#known.add(key);
    return { changedAtMs, isInEffect: true };
  }

  /** Looks for what others wrote, again and again. */
  #wait(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#reading = this.#look().finally(() => {
        this.#reading = undefined;
        this.#wait();
      });
    }, this.#pollMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    try {
      await this.#read(true);
      if (this.#known.size >= JOIN_FROM) await this.#join(false);
      this.#failure = undefined;
    } catch (error) {
      if (this.#failure === undefined && !this.#isClosed) this.#options.onError?.(error);
      this.#failure = error;
    }
  }

  async #read(isNews: boolean): Promise<void> {
    const startMs = this.#now();
    let loaded = await this.#objects.load(this.#known);
    if (this.#readAtMs > 0 && loaded.forgottenMs > this.#readAtMs) {
      // We were away for longer than removals are remembered: what we know may have been removed.
      loaded = await this.#objects.load();
      this.#blocks = [];
      this.#known = new Set();
    }
    this.#readAtMs = startMs;
    this.#take(loaded.block, isNews);
    const listed = new Set(loaded.objects.map(({ key }) => key));
    const newest = loaded.objects.at(-1)?.key ?? '';
    // What this process wrote since the listing was made stays known.
    for (const key of this.#known) if (!listed.has(key) && key < newest) this.#known.delete(key);
    for (const key of listed) this.#known.add(key);
  }

  async #join(isWhole: boolean): Promise<Compacted> {
    const { inputs, output, objectsBefore, objectsAfter } = await this.#objects.join(isWhole);
    const isKnown = inputs.every((key) => this.#known.has(key));
    if (output !== undefined && isKnown) this.#known.add(output);
    return { objectsBefore, objectsAfter };
  }

  #take(block: FactBlock, isNews: boolean): void {
    if (block.count === 0) return;
    const { onNews } = this.#options;
    const news = isNews && onNews !== undefined ? this.#newsIn(block) : [];
    const blocks = [...this.#blocks, block];
    while (blocks.length > 1) {
      const [larger, smaller] = [blocks.at(-2)!, blocks.at(-1)!];
      if (larger.bytes.length >= MERGE_RATIO * smaller.bytes.length) break;
      blocks.splice(-2, 2, mergeBlocks([larger, smaller]));
    }
    this.#blocks = blocks;
    if (news.length > 0) onNews?.(news);
  }

  #newsIn(block: FactBlock): FactChange[] {
    const news: FactChange[] = [];
    for (let i = 0; i < block.count; i++) {
      const fact = block.at(i);
      const before = this.#find(fact.name);
      if (before !== undefined && Buffer.compare(before.version, fact.version) >= 0) continue;
      news.push(changeOf(fact));
    }
    return news;
  }

  #find(name: Uint8Array): NamedFact | undefined {
    let newest: NamedFact | undefined;
    for (const block of this.#blocks) {
      const found = block.find(name);
      if (found === undefined) continue;
      if (newest === undefined || Buffer.compare(found.version, newest.version) > 0) newest = found;
    }
    return newest;
  }

  /** The newest of each name in a range, removed ones included, in order. */
  *#walk(from: Uint8Array, end: Uint8Array): Generator<NamedFact> {
    const cursors = this.#blocks.map((block) => ({ block, at: block.lowerBound(from) }));
    for (;;) {
      let next: NamedFact | undefined;
      for (const { block, at } of cursors) {
        if (at >= block.count) continue;
        const fact = block.at(at);
        const order = next === undefined ? -1 : Buffer.compare(fact.name, next.name);
        const isNewer = order === 0 && Buffer.compare(fact.version, next!.version) > 0;
        if (order < 0 || isNewer) next = fact;
      }
      if (next === undefined || Buffer.compare(next.name, end) >= 0) return;
      for (const cursor of cursors) {
        const { block, at } = cursor;
        if (at < block.count && Buffer.compare(block.at(at).name, next.name) === 0) cursor.at += 1;
      }
      yield next;
    }
  }

  #assertOpen(): void {
    if (this.#isClosed) throw registryClosed();
  }
}
