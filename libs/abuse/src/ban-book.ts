/**
 * All bans and allowed ranges that operators made, in memory: asked for every connection, made anew
 * when the registry says that something has changed. While that cannot be read, what was known last
 * stays in force.
 */
import { createHash, type Hash } from 'node:crypto';
import type { PublicKey } from '@mosaic-cluster/protocol';
import type { RegistryView } from '@mosaic-cluster/store';
import type { AddressRange } from './address-range.ts';
import { AddressTable } from './address-table.ts';
import { BAN_COLLECTIONS, type BanCollection, decodeBan, isKeySubject } from './ban-facts.ts';

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

/** When entries end, by subject. */
interface Entries {
  readonly addresses: AddressTable;
  /** By the key's bytes in latin1. */
  readonly keys: Map<string, number>;
}

/** Keeps the book. */
export class BanBook {
  readonly #options: BanBookOptions;
  readonly #now: () => number;
  readonly #entriesMax: number;
  readonly #told: (() => void)[] = [];
  #entries: Readonly<Record<BanCollection, Entries>>;
  /** Of what the entries were made from. */
  #digest = '';
  #isRead: boolean;
  #isOverfull = false;
  #failure: unknown;
  #reading: Promise<void> | undefined;
  #isOutdated = false;
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: BanBookOptions) {
    this.#options = options;
    this.#isRead = options.registry === undefined;
    this.#now = options.now ?? Date.now;
    this.#entriesMax = options.entriesMax ?? ENTRIES_MAX;
    this.#entries = { bans: noEntries(), allowed: noEntries(this.#options.alwaysAllowed) };
  }

  /** Whether the registry was read at all: before that nobody is banned. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** Bans that are in force or have ended lately. */
  get banCount(): number {
    return countOf(this.#entries.bans);
  }

  /**
   * What is said of an address. Where it is in several ranges the smallest counts, of two that are
   * alike the allowed one; what has ended counts for nothing.
   *
   * @param address as `parseAddress` reads it
   */
  ofAddress(address: Uint8Array): Verdict | undefined {
    const { bans, allowed } = this.#entries;
    if (bans.addresses.size === 0 && allowed.addresses.size === 0) return undefined;
    const nowMs = this.#now();
    const ban = bans.addresses.find(address, nowMs);
    const allowance = allowed.addresses.find(address, nowMs);
    if (allowance !== undefined && allowance.prefixBits >= (ban?.prefixBits ?? 0)) {
      return { is: 'allowed' };
    }
    return ban && bannedUntil(ban.endMs);
  }

  /** What is said of a key; one that is banned and allowed is allowed. */
  ofKey(key: PublicKey): Verdict | undefined {
    const { bans, allowed } = this.#entries;
    if (bans.keys.size === 0 && allowed.keys.size === 0) return undefined;
    const nowMs = this.#now();
    const name = nameOf(key);
    if ((allowed.keys.get(name) ?? 0) > nowMs) return { is: 'allowed' };
    const endMs = bans.keys.get(name) ?? 0;
    return endMs > nowMs ? bannedUntil(endMs) : undefined;
  }

  /** Has somebody told, after the book was made anew, that it says something else than before. */
  onChange(told: () => void): void {
    this.#told.push(told);
  }

  /**
   * Reads the registry, because something in it has changed; where that fails, again and again. Resolves
   * after the first attempt that began no earlier than this call. Never rejects.
   */
  async refresh(): Promise<void> {
    const { registry } = this.#options;
    if (this.#isClosed || registry === undefined) return;
    this.#isOutdated = true;
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

  async #readAll(registry: RegistryView): Promise<void> {
    while (this.#isOutdated && !this.#isClosed) {
      this.#isOutdated = false;
      await this.#read(registry);
    }
  }

  async #read(registry: RegistryView): Promise<void> {
    clearTimeout(this.#retry);
    try {
      const digest = createHash('sha256');
      const bans = await this.#collect(registry, 'bans', digest);
      const allowed = await this.#collect(registry, 'allowed', digest);
      this.#failure = undefined;
      this.#isOverfull = bans.isOverfull || allowed.isOverfull;
      this.#take({ bans: bans.entries, allowed: allowed.entries }, digest.digest('base64'));
    } catch (error) {
      if (this.#isClosed) return;
      if (this.#failure === undefined) this.#options.onError?.(error);
      this.#failure = error;
      this.#retry = setTimeout(() => void this.refresh(), RETRY_MS);
      this.#retry.unref();
    }
  }

  #take(entries: Readonly<Record<BanCollection, Entries>>, digest: string): void {
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
  ): Promise<{ entries: Entries; isOverfull: boolean }> {
    const entries = noEntries(collection === 'allowed' ? this.#options.alwaysAllowed : []);
    const nowMs = this.#now();
    digest.update(collection);
    for (let after: Uint8Array | undefined; ; ) {
      const { facts, hasMore } = await registry.list({ collection, after });
      for (const fact of facts) {
        const ban = decodeBan(fact);
        const endMs = ban?.untilMs ?? Infinity;
        if (ban === undefined || endMs <= nowMs) continue;
        if (countOf(entries) === this.#entriesMax) return { entries, isOverfull: true };
        digest.update(fact.key).update(fact.value);
        if (isKeySubject(ban.subject)) entries.keys.set(nameOf(ban.subject), endMs);
        else entries.addresses.add(ban.subject, endMs);
      }
      after = facts.at(-1)?.key;
      if (!hasMore || after === undefined) return { entries, isOverfull: false };
    }
  }
}

/** Whether a change of the registry concerns bans. */
export function isBanChange({ collection }: { readonly collection: string }): boolean {
  return (BAN_COLLECTIONS as readonly string[]).includes(collection);
}

function noEntries(always: readonly AddressRange[] = []): Entries {
  const addresses = new AddressTable();
  for (const range of always) addresses.add(range, Infinity);
  return { addresses, keys: new Map() };
}

function countOf({ addresses, keys }: Entries): number {
  return addresses.size + keys.size;
}

function bannedUntil(endMs: number): Verdict {
  return { is: 'banned', untilMs: endMs === Infinity ? undefined : endMs };
}

function nameOf(key: PublicKey): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1');
}
