/** The book of bans: what counts where several ranges meet, when bans end, and how it follows the registry. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publicKeyOf } from '@mosaic-cluster/protocol';
import {
  type FactListing,
  type FactPage,
  type ObjectStore,
  openFileObjectStore,
  openMemoryRegistry,
  openRedis,
  openRedisRegistry,
  openRedisRegistryView,
  type RedisConnection,
  type Registry,
  type RegistryView,
} from '@mosaic-cluster/store';
import { type RedisServer, startRedis } from '@mosaic-cluster/test-servers';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type AddressRange,
  maskAddress,
  parseAddress,
  parseAddressRange,
} from './address-range.ts';
import { BanBook, type BanBookOptions, changedKeys } from './ban-book.ts';
import { banChange, banRemoval, Bans } from './ban-facts.ts';

const ALICE = publicKeyOf(new Uint8Array(32).fill(1));
const BOB = publicKeyOf(new Uint8Array(32).fill(2));
const FOREVER = { is: 'banned', untilMs: undefined };
const ALLOWED = { is: 'allowed' };

let folder: string;
let store: ObjectStore;
let registry: Registry;
let book: BanBook;
let nowMs: number;
beforeEach(async () => {
  nowMs = 1_800_000_000_000;
  folder = await mkdtemp(join(tmpdir(), 'mosaic-book-'));
  store = await openFileObjectStore({ directory: folder });
  registry = await openMemoryRegistry({
    store,
    onNews: (news) => {
      void book.refresh(changedKeys(news));
    },
  });
  book = bookOver(registry);
  await book.refresh();
});
afterEach(async () => {
  await book.close();
  await registry.close();
  await store.close();
  await rm(folder, { recursive: true });
});

function bookOver(view: RegistryView, options: Partial<BanBookOptions> = {}): BanBook {
  return new BanBook({ registry: view, now: () => nowMs, ...options });
}

async function ban(text: string, untilMs?: number): Promise<void> {
  await new Bans(registry).add([{ subject: parseAddressRange(text), untilMs }]);
  await book.refresh();
}

async function allow(text: string): Promise<void> {
  await new Bans(registry, 'allowed').add([{ subject: parseAddressRange(text) }]);
  await book.refresh();
}

function verdict(text: string): unknown {
  return book.ofAddress(parseAddress(text)!);
}

describe('the book of bans', () => {
  it('knows the ranges that an address is in', async () => {
    await ban('203.0.113.0/24');
    await ban('2001:db8::/32');
    expect(verdict('203.0.113.7')).toEqual(FOREVER);
    expect(verdict('::ffff:203.0.113.7')).toEqual(FOREVER);
    expect(verdict('203.0.114.7')).toBeUndefined();
    expect(verdict('2001:db8:5::1')).toEqual(FOREVER);
    expect(verdict('2001:db9::1')).toBeUndefined();
    expect(book.banCount).toBe(2);
  });

  it('goes by the smallest range, and by the allowed one of two that are alike', async () => {
    await ban('10.0.0.0/8');
    await allow('10.1.0.0/16');
    await ban('10.1.2.0/24', nowMs + 1);
    await allow('10.1.2.0/24');
    await ban('10.1.2.3');
    expect(verdict('10.2.0.1')).toEqual(FOREVER);
    expect(verdict('10.1.9.9')).toEqual(ALLOWED);
    expect(verdict('10.1.2.9')).toEqual(ALLOWED);
    expect(verdict('10.1.2.3')).toEqual(FOREVER);
  });

  it('may hold every address of a family', async () => {
    await ban('0.0.0.0/0');
    await allow('192.0.2.0/24');
    expect(verdict('8.8.8.8')).toEqual(FOREVER);
    expect(verdict('192.0.2.1')).toEqual(ALLOWED);
    expect(verdict('::1')).toBeUndefined();
  });

  it('knows keys, an allowed one whatever else is said of it', async () => {
    const bans = new Bans(registry);
    await bans.add([{ subject: ALICE, untilMs: nowMs + 5 }, { subject: BOB }]);
    await new Bans(registry, 'allowed').add([{ subject: BOB }]);
    await book.refresh();
    expect(book.ofKey(ALICE)).toEqual({ is: 'banned', untilMs: nowMs + 5 });
    expect(book.ofKey(BOB)).toEqual(ALLOWED);
    expect(book.ofKey(publicKeyOf(new Uint8Array(32).fill(3)))).toBeUndefined();
  });

  it('has every ban end when it says, and what is behind it come forth', async () => {
    await ban('10.0.0.0/8', nowMs + 100);
    await ban('10.1.0.0/16', nowMs + 10);
    await new Bans(registry).add([{ subject: ALICE, untilMs: nowMs + 10 }]);
    await book.refresh();
    nowMs += 9;
    expect(verdict('10.1.0.1')).toEqual({ is: 'banned', untilMs: nowMs + 1 });
    expect(book.ofKey(ALICE)).toEqual({ is: 'banned', untilMs: nowMs + 1 });
    nowMs += 1;
    expect(verdict('10.1.0.1')).toEqual({ is: 'banned', untilMs: nowMs + 90 });
    expect(book.ofKey(ALICE)).toBeUndefined();
    nowMs += 90;
    expect(verdict('10.1.0.1')).toBeUndefined();
    await book.refresh();
    expect(book.banCount).toBe(0);
  });

  it('answers as looking through all ranges would', async () => {
    const bytes = (length: number) =>
      fc.uint8Array({ minLength: length, maxLength: length, max: 3 });
    const range = fc
      .tuple(bytes(4), fc.nat({ max: 32 }), fc.boolean())
      .map(([first, bits, isBan]) => ({
        isBan,
        subject: { bytes: maskAddress(first, bits), prefixBits: bits },
      }));
    const isIn = (address: Uint8Array, { bytes: first, prefixBits }: AddressRange): boolean =>
      Buffer.compare(maskAddress(address, prefixBits), first) === 0;
    await fc.assert(
      fc.asyncProperty(fc.array(range, { maxLength: 12 }), bytes(4), async (ranges, address) => {
        const facts = (wanted: boolean) =>
          ranges.flatMap(({ isBan, subject }) => (isBan === wanted ? [{ subject }] : []));
        const bans = new Bans(registry);
        const allowed = new Bans(registry, 'allowed');
        await bans.add(facts(true));
        await allowed.add(facts(false));
        await book.refresh();
        const longest = (wanted: boolean): number =>
          Math.max(
            -1,
            ...facts(wanted).map(({ subject }) =>
              isIn(address, subject) ? subject.prefixBits : -1,
            ),
          );
        const [banned, open] = [longest(true), longest(false)];
        const expected = open >= banned ? (open < 0 ? undefined : ALLOWED) : FOREVER;
        expect(book.ofAddress(address)).toEqual(expected);
        await bans.remove(facts(true).map(({ subject }) => subject));
        await allowed.remove(facts(false).map(({ subject }) => subject));
      }),
      { numRuns: 60 },
    );
  });

  it('tells of what changed, and only of that', async () => {
    let told = 0;
    book.onChange(() => {
      told += 1;
    });
    await registry.change([{ collection: 'users', key: ALICE, value: new Uint8Array(1) }]);
    await book.refresh();
    expect(told).toBe(0);
    await new Bans(registry).add([{ subject: parseAddressRange('10.0.0.1') }]);
    await expect.poll(() => verdict('10.0.0.1')).toEqual(FOREVER);
    expect(told).toBe(1);
    const bans = (n: number) => new Map([['bans', [Uint8Array.of(4, 10, 0, 0, n, 32)]]]);
    await book.refresh(bans(1));
    await book.refresh(bans(9));
    await book.refresh(new Map([['users', 'many']]));
    expect(told).toBe(1);
  });

  it('looks up what changed, and reads all where that is not known or too much', async () => {
    let lists = 0;
    const counting: RegistryView = {
      get: (collection, keys) => registry.get(collection, keys),
      peek: (collection, key) => registry.peek(collection, key),
      fault: () => registry.fault(),
      close: async () => {},
      list: (listing: FactListing): Promise<FactPage> => {
        lists += 1;
        return registry.list(listing);
      },
    };
    const wary = bookOver(counting, {
      entriesMax: 4,
      alwaysAllowed: [parseAddressRange('127.0.0.0/8')],
    });
    await wary.refresh();
    const says = (text: string): unknown => wary.ofAddress(parseAddress(text)!);
    const change = async (
      collection: 'bans' | 'allowed',
      add: readonly string[],
      remove: readonly string[] = [],
      untilMs?: number,
    ): Promise<number> => {
      const before = lists;
      const facts = [
        ...add.map((text) => banChange(collection, { subject: parseAddressRange(text), untilMs })),
        ...remove.map((text) => banRemoval(collection, parseAddressRange(text))),
      ];
      await registry.change(facts);
      await wary.refresh(changedKeys(facts));
      return lists - before;
    };
    expect(await change('bans', ['10.0.0.0/8', '127.0.0.1'])).toBe(0);
    expect(says('10.1.1.1')).toEqual(FOREVER);
    expect(await change('bans', ['10.0.0.0/8'], [], nowMs + 5)).toBe(0);
    expect(says('10.1.1.1')).toEqual({ is: 'banned', untilMs: nowMs + 5 });
    expect(await change('allowed', ['127.0.0.0/8', '10.1.1.1'], [], nowMs + 5)).toBe(0);
    expect(says('10.1.1.1')).toEqual(ALLOWED);
    expect(await change('allowed', [], ['127.0.0.0/8', '10.1.1.1'])).toBe(0);
    // The setting goes on to say so.
    expect(says('127.0.0.2')).toEqual(ALLOWED);
    expect(says('10.1.1.1')).toMatchObject({ is: 'banned' });
    expect(await change('bans', [], ['10.0.0.0/8', '127.0.0.1'])).toBe(0);
    expect(says('10.1.1.1')).toBeUndefined();
    expect(wary.banCount).toBe(0);
    const many = [1, 2, 3, 4, 5].map((n) => `10.0.0.${n}`);
    expect(await change('bans', many)).toBeGreaterThan(0);
    expect(wary.fault()).toMatch(/more than 4 bans/);
    // Somebody else gets the room of one that goes.
    expect(await change('bans', [], many.slice(0, 2))).toBeGreaterThan(0);
    expect(wary.fault()).toBeUndefined();
    expect(wary.banCount).toBe(3);
    nowMs += 3_600_000;
    expect(await change('bans', [], many)).toBeGreaterThan(0);
    await wary.close();
  });

  it('is told by the registry, which another process changed', async () => {
    const other = await openMemoryRegistry({ store });
    await new Bans(other).add([{ subject: parseAddressRange('10.0.0.1') }]);
    await other.close();
    await expect.poll(() => verdict('10.0.0.1'), { timeout: 10_000 }).toEqual(FOREVER);
  });

  it('has a bound, and says so', async () => {
    const small = bookOver(registry, { entriesMax: 2 });
    await new Bans(registry).add([
      { subject: parseAddressRange('10.0.0.1'), untilMs: nowMs - 1 },
      { subject: parseAddressRange('10.0.0.2') },
      { subject: parseAddressRange('10.0.0.3') },
    ]);
    await small.refresh();
    expect(small.fault()).toBeUndefined();
    await new Bans(registry).add([{ subject: parseAddressRange('10.0.0.4') }]);
    await small.refresh();
    expect(small.banCount).toBe(2);
    expect(small.fault()).toMatch(/more than 2 bans .* remove/);
    await new Bans(registry).remove([parseAddressRange('10.0.0.2')]);
    await small.refresh();
    expect(small.fault()).toBeUndefined();
    await small.close();
  });

  it('keeps what it knew while the registry fails, says why, and tries again', async () => {
    await ban('10.0.0.1');
    let failure: Error | undefined;
    const failing: RegistryView = {
      get: (collection, keys) => registry.get(collection, keys),
      peek: (collection, key) => registry.peek(collection, key),
      fault: () => registry.fault(),
      close: async () => {},
      list: async (listing: FactListing): Promise<FactPage> => {
        if (failure !== undefined) throw failure;
        return registry.list(listing);
      },
    };
    const errors: unknown[] = [];
    const wary = bookOver(failing, { onError: (error) => errors.push(error) });
    expect(wary.fault()).toBe('bans were not read yet');
    failure = new Error('no answer');
    await wary.refresh();
    expect(wary.fault()).toBe('bans cannot be read, nobody is banned yet: no answer');
    expect(wary.isRead).toBe(false);
    failure = undefined;
    await expect.poll(() => wary.fault(), { timeout: 10_000 }).toBeUndefined();
    failure = new Error('again');
    await ban('10.0.0.2');
    await wary.refresh();
    await wary.refresh();
    expect(wary.fault()).toContain('those known last stay in force: again');
    expect(wary.ofAddress(parseAddress('10.0.0.1')!)).toEqual(FOREVER);
    expect(wary.ofAddress(parseAddress('10.0.0.2')!)).toBeUndefined();
    expect(errors).toHaveLength(2);
    await wary.close();
  });
});

describe('books over views on Redis', () => {
  let server: RedisServer;
  let redis: RedisConnection;
  let shared: Registry;
  const books: BanBook[] = [];
  const views: RegistryView[] = [];
  beforeAll(async () => {
    server = await startRedis();
    redis = await openRedis({ urls: [server.url], commandTimeoutMs: 300 });
  }, 120_000);
  beforeEach(async () => {
    shared = await openRedisRegistry({ connection: redis, store, keepMs: 300 });
  });
  afterEach(async () => {
    await Promise.all(books.splice(0).map((each) => each.close()));
    await Promise.all(views.splice(0).map((each) => each.close()));
    await shared.close();
    await server.command('FLUSHALL');
  });
  afterAll(async () => {
    await redis.close();
    await server.stop();
  });

  async function open(): Promise<BanBook> {
    const view: RegistryView = await openRedisRegistryView({
      connection: redis,
      onChange: (changed) => void opened.refresh(changed),
    });
    const opened = bookOver(view);
    views.push(view);
    books.push(opened);
    await opened.refresh();
    return opened;
  }
  const says = (each: BanBook, text: string) => each.ofAddress(parseAddress(text)!);

  it('all learn of a ban that somebody else made', async () => {
    const books = [await open(), await open()];
    await new Bans(shared).add([{ subject: parseAddressRange('10.0.0.0/8') }]);
    for (const each of books) {
      await expect.poll(() => says(each, '10.1.1.1'), { timeout: 10_000 }).toEqual(FOREVER);
    }
  });

  it('keep what they know while Redis hangs, and catch up', async () => {
    await new Bans(shared).add([{ subject: parseAddressRange('10.0.0.1') }]);
    const one = await open();
    server.pause();
    await expect.poll(() => one.fault(), { timeout: 10_000 }).toContain('Redis does not answer');
    expect(says(one, '10.0.0.1')).toEqual(FOREVER);
    server.resume();
    await expect.poll(() => one.fault(), { timeout: 10_000 }).toBeUndefined();
    await new Bans(shared).add([{ subject: parseAddressRange('10.0.0.2') }]);
    await expect.poll(() => says(one, '10.0.0.2'), { timeout: 10_000 }).toEqual(FOREVER);
  });

  it('keep what they know while Redis is emptied and made again', async () => {
    await new Bans(shared).add([{ subject: parseAddressRange('10.0.0.1') }]);
    const one = await open();
    let wasForgotten = false;
    one.onChange(() => {
      wasForgotten ||= says(one, '10.0.0.1') === undefined;
    });
    await server.command('FLUSHALL');
    await new Bans(shared).add([{ subject: parseAddressRange('10.0.0.2') }]);
    await expect.poll(() => says(one, '10.0.0.2'), { timeout: 10_000 }).toEqual(FOREVER);
    expect(says(one, '10.0.0.1')).toEqual(FOREVER);
    expect(wasForgotten).toBe(false);
  });
});
