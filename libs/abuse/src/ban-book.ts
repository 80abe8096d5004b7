/**
 * All bans and allowed ranges that operators made, in memory: asked for every connection. Where the registry
 * says what has changed that is looked up, else everything is read again. While it cannot be read, what
 * was known last stays in force.
 */
import { createHash, type Hash } from 'node:crypto';
import type { PublicKey } from '@mosaic-cluster/protocol';
import type { ChangedKeys, Fact, FactChange, RegistryView } from '@mosaic-cluster/store';
import { type AddressRange, formatAddressRange } from './address-range.ts';
import { BanEntries } from './ban-entries.ts';
import {
  BAN_COLLECTIONS,
  type BanCollection,
  type BanSubject,
  decodeBan,
  decodeSubject,
  isKeySubject,
} from './ban-facts.ts';

/** How a book is kept. */
export interface BanBookOptions {
  /** Closing the book leaves it open. Undefined: there is none, and operators ban nobody. */
  readonly registry?: RegistryView | undefined;
  /** Allowed besides, whatever the registry says: those that a setting names. */
  readonly alwaysAllowed?: readonly AddressRange[] | undefined;
  /** Told of the first of several failures to read the registry. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** The time in milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
  /** Bans, and allowed ranges, of each at most so many are in force; 200,000 by default. */
  readonly entriesMax?: number | undefined;
}

/** What an operator says of somebody: `untilMs` is when a ban ends by itself, undefined: never. */
export type Verdict =
  | { readonly is: 'allowed' }
  | { readonly is: 'banned'; readonly untilMs: number | undefined };

const ENTRIES_MAX = 200_000;
/** Between two attempts to read a registry that could not be read. */
const RETRY_MS = 500;
/** Changes that are looked up one by one; where more wait, reading everything is cheaper. */
const KEYS_MAX = 4_000;
const LOOKUP_KEYS = 1_000;
/** What ended is forgotten when everything is read, which a change brings about after so long. */
const SWEEP_MS = 3_600_000;

type Entries = Readonly<Record<BanCollection, BanEntries>>;

/** Keeps the book. */
export class BanBook {
  readonly #options: BanBookOptions;
  readonly #now: () => number;
  readonly #entriesMax: number;
  readonly #told: (() => void)[] = [];
  #entries: Entries;
  /** Of what the entries were made from. */
  #digest = '';
  #isRead: boolean;
  #isOverfull = false;
  #failure: unknown;
  #reading: Promise<void> | undefined;
  /** Everything is to be read. */
  #isOutdated = false;
  /** Otherwise, what is to be looked up: names of facts' keys in latin1, by collection. */
  readonly #changed: Readonly<Record<BanCollection, Set<string>>> = {
    bans: new Set(),
    allowed: new Set(),
  };
  #readAtMs = 0;
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: BanBookOptions) {
    this.#options = options;
    this.#isRead = options.registry === undefined;
    this.#now = options.now ?? Date.now;
    this.#entriesMax = options.entriesMax ?? ENTRIES_MAX;
    this.#entries = { bans: new BanEntries(), allowed: new BanEntries(options.alwaysAllowed) };
  }

  /** Whether the registry was read at all: before that nobody is banned. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** Bans that are in force or have ended lately. */
  get banCount(): number {
    return this.#entries.bans.size;
  }

  /**
   * What is said of an address. Where it is in several ranges the smallest counts, of two that are
   * alike the allowed one; what has ended counts for nothing.
   *
   * @param address as `parseAddress` reads it
   */
  ofAddress(address: Uint8Array): Verdict | undefined {
    const { bans, allowed } = this.#entries;
    if (bans.size === 0 && allowed.size === 0) return undefined;
    const nowMs = this.#now();
    const ban = bans.ofAddress(address, nowMs);
    const allowance = allowed.ofAddress(address, nowMs);
    if (allowance !== undefined && allowance.prefixBits >= (ban?.prefixBits ?? 0)) {
      return { is: 'allowed' };
    }
    return ban && bannedUntil(ban.endMs);
  }

  /** What is said of a key; one that is banned and allowed is allowed. */
  ofKey(key: PublicKey): Verdict | undefined {
    const { bans, allowed } = this.#entries;
    if (bans.size === 0 && allowed.size === 0) return undefined;
    const nowMs = this.#now();
    if (allowed.ofKey(key, nowMs) !== undefined) return { is: 'allowed' };
    const endMs = bans.ofKey(key, nowMs);
    return endMs === undefined ? undefined : bannedUntil(endMs);
  }

  /** Has somebody told, after the book was made anew, that it says something else than before. */
  onChange(told: () => void): void {
    this.#told.push(told);
  }

  /**
   * Reads the registry, because something in it has changed; where that fails, again and again. Resolves
   * after the first attempt that began no earlier than this call. Never rejects.
   *
   * @param changed what has changed; undefined: anything may have
   */
  async refresh(changed?: ChangedKeys): Promise<void> {
    const { registry } = this.#options;
    if (this.#isClosed || registry === undefined) return;
    if (!this.#note(changed)) return;
    this.#reading ??= this.#readAll(registry).finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  /** Why what is in force may be outdated; undefined: all is well. */
  fault(): string | undefined {
    if (this.#failure !== undefined) {
      const { message: why } = this.#failure as Error;
      const state = this.#isRead ? 'those known last stay in force' : 'nobody is banned yet';
      return `bans cannot be read, ${state}: ${why}`;
    }
    if (this.#isOverfull) {
      return `there are more than ${this.#entriesMax} bans or lines of the allow list, and not all are in force: remove what is no longer needed`;
    }
    return this.#isRead ? this.#options.registry?.fault() : 'bans were not read yet';
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    await this.#reading;
  }

  /** Takes note of what is to be read. @returns whether anything is */
  #note(changed: ChangedKeys | undefined): boolean {
    const isStale = this.#isOverfull || this.#now() - this.#readAtMs >= SWEEP_MS;
    const keys = BAN_COLLECTIONS.map((collection) => changed?.get(collection));
    if (changed !== undefined && keys.every((each) => each === undefined)) return false;
    const isWhole = changed === undefined || !this.#isRead || isStale || keys.includes('many');
    this.#isOutdated ||= isWhole;
    keys.forEach((each, i) => {
      if (each === undefined || each === 'many' || this.#isOutdated) return;
      const set = this.#changed[BAN_COLLECTIONS[i]!];
      for (const key of each) set.add(nameOf(key));
    });
    this.#isOutdated ||= this.#changed.bans.size + this.#changed.allowed.size > KEYS_MAX;
    return true;
  }

  async #readAll(registry: RegistryView): Promise<void> {
    while (!this.#isClosed) {
      const { bans, allowed } = this.#changed;
      if (this.#isOutdated) {
        this.#isOutdated = false;
        for (const each of [bans, allowed]) each.clear();
        await this.#attempt(() => this.#read(registry));
      } else if (bans.size + allowed.size > 0) {
        await this.#attempt(() => this.#lookUp(registry));
      } else return;
    }
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    clearTimeout(this.#retry);
    try {
      await work();
      this.#failure = undefined;
    } catch (error) {
      if (this.#isClosed) return;
      if (this.#failure === undefined) this.#options.onError?.(error);
      this.#failure = error;
      this.#retry = setTimeout(() => void this.refresh(), RETRY_MS);
      this.#retry.unref();
    }
  }

  /** Reads everything. */
  async #read(registry: RegistryView): Promise<void> {
    const digest = createHash('sha256');
    const bans = await this.#collect(registry, 'bans', digest);
    const allowed = await this.#collect(registry, 'allowed', digest);
    this.#isOverfull = bans.isOverfull || allowed.isOverfull;
    this.#readAtMs = this.#now();
    this.#take({ bans: bans.entries, allowed: allowed.entries }, digest.digest('base64'));
  }

  /** Looks up what has changed. */
  async #lookUp(registry: RegistryView): Promise<void> {
    let isOther = false;
    for (const collection of BAN_COLLECTIONS) {
      const names = [...this.#changed[collection]];
      this.#changed[collection].clear();
      for (let at = 0; at < names.length; at += LOOKUP_KEYS) {
        const keys = names.slice(at, at + LOOKUP_KEYS).map((name) => Buffer.from(name, 'latin1'));
        const facts = await registry.get(collection, keys);
        keys.forEach((key, i) => {
          isOther = this.#change(collection, key, facts[i]) || isOther;
        });
      }
    }
    if (!isOther) return;
    // It is no more what everything was made from.
    this.#digest = '';
    for (const told of this.#told) told();
  }

  /** @returns whether that is something else than before */
  #change(collection: BanCollection, key: Uint8Array, fact: Fact | undefined): boolean {
    const subject = decodeSubject(key);
    if (subject === undefined) return false;
    const entries = this.#entries[collection];
    const ban = fact && decodeBan(fact);
    const endMs = ban && (ban.untilMs ?? Infinity);
    if (endMs !== undefined && entries.size >= this.#entriesMax) {
      // Some of those that take the room may have ended.
      this.#isOutdated = true;
      return false;
    }
    if (collection === 'allowed' && this.#isAlwaysAllowed(subject)) return false;
    return entries.change(subject, endMs);
  }

  #isAlwaysAllowed(subject: BanSubject): boolean {
    const { alwaysAllowed = [] } = this.#options;
    if (isKeySubject(subject)) return false;
    const shown = formatAddressRange(subject);
    return alwaysAllowed.some((range) => formatAddressRange(range) === shown);
  }

  #take(entries: Entries, digest: string): void {
    this.#isRead = true;
    if (digest === this.#digest) return;
    this.#digest = digest;
    this.#entries = entries;
    for (const told of this.#told) told();
  }

  /** What is in force of a collection, as far as there is room. */
  async #collect(
    registry: RegistryView,
    collection: BanCollection,
    digest: Hash,
  ): Promise<{ entries: BanEntries; isOverfull: boolean }> {
    const entries = new BanEntries(collection === 'allowed' ? this.#options.alwaysAllowed : []);
    const nowMs = this.#now();
    digest.update(collection);
    for (let after: Uint8Array | undefined; ; ) {
      const { facts, hasMore } = await registry.list({ collection, after });
      for (const fact of facts) {
        const ban = decodeBan(fact);
        const endMs = ban?.untilMs ?? Infinity;
        if (ban === undefined || endMs <= nowMs) continue;
        if (entries.size === this.#entriesMax) return { entries, isOverfull: true };
        digest.update(fact.key).update(fact.value);
        entries.add(ban.subject, endMs);
      }
      after = facts.at(-1)?.key;
      if (!hasMore || after === undefined) return { entries, isOverfull: false };
    }
  }
}

/** The keys that changes to the registry are about. */
export function changedKeys(news: readonly FactChange[]): ChangedKeys {
  const keys = new Map<string, Uint8Array[]>();
  for (const { collection, key } of news) {
    const some = keys.get(collection);
    if (some === undefined) keys.set(collection, [key]);
    else some.push(key);
  }
  return keys;
}

function bannedUntil(endMs: number): Verdict {
  return { is: 'banned', untilMs: endMs === Infinity ? undefined : endMs };
}

function nameOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
