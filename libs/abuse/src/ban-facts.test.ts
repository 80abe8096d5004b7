/** Bans and the allow list in the registry: kept whole, listed in order, bounded. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publicKeyOf } from '@mosaic-cluster/protocol';
import {
  type ObjectStore,
  openFileObjectStore,
  openMemoryRegistry,
  type Registry,
} from '@mosaic-cluster/store';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAddressRange } from './address-range.ts';
import { Bans, formatBanSubject } from './ban-facts.ts';

const ALICE = publicKeyOf(new Uint8Array(32).fill(1));
const BOB = publicKeyOf(new Uint8Array(32).fill(2));

let folder: string;
let store: ObjectStore;
let registry: Registry;
let bans: Bans;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-bans-'));
  store = await openFileObjectStore({ directory: folder });
  registry = await openMemoryRegistry({ store });
  bans = new Bans(registry);
});
afterEach(async () => {
  await registry.close();
  await store.close();
  await rm(folder, { recursive: true });
});

const range = parseAddressRange;

describe('bans', () => {
  it('are kept with their end, why, and who added them', async () => {
    const untilMs = 1_900_000_000_123;
    await bans.add([
      { subject: range('203.0.113.0/24'), untilMs, reason: 'flööd', addedBy: 'bö' },
      { subject: ALICE },
    ]);
    const found = await bans.find([range('203.0.113.0/24'), BOB, ALICE, range('203.0.113.7')]);
    expect(found).toMatchObject([
      { subject: range('203.0.113.0/24'), untilMs, reason: 'flööd', addedBy: 'bö' },
      undefined,
      { subject: Uint8Array.from(ALICE), untilMs: undefined, reason: '', addedBy: '' },
      undefined,
    ]);
    await bans.add([{ subject: range('203.0.113.0/24'), reason: 'again' }]);
    await bans.remove([ALICE, BOB]);
    const { bans: listed, hasMore } = await bans.list();
    expect(listed).toMatchObject([{ untilMs: undefined, reason: 'again' }]);
    expect(hasMore).toBe(false);
  });

  it('are listed page by page: keys, then addresses in order', async () => {
    const ranges = ['10.0.0.0/8', '10.0.0.0/16', '9.0.0.1', '2001:db8::/32'];
    await bans.add([...ranges.map((text) => ({ subject: range(text) })), { subject: ALICE }]);
    const texts: string[] = [];
    for (let hasMore = true, after; hasMore; ) {
      const page = await bans.list(after, 2);
      texts.push(...page.bans.map(({ subject }) => formatBanSubject(subject)));
      after = page.bans.at(-1)!.subject;
      hasMore = page.hasMore;
    }
    const [key, ...rest] = texts;
    expect(key).toMatch(/^mopub0/);
    expect(rest).toEqual(['9.0.0.1', '10.0.0.0/8', '10.0.0.0/16', '2001:db8::/32']);
  });

  it('are apart from who is allowed', async () => {
    const allowed = new Bans(registry, 'allowed');
    await allowed.add([{ subject: range('10.0.0.0/8') }]);
    expect((await bans.list()).bans).toEqual([]);
    expect((await allowed.list()).bans).toHaveLength(1);
  });

  it('have texts of a bounded length, a possible end and a real subject', () => {
    const refused = expect.objectContaining({ kind: 'invalid', code: 'ban' });
    const subject = range('10.0.0.0/8');
    expect(() => bans.add([{ subject, reason: 'ö'.repeat(513) }])).toThrow(refused);
    expect(() => bans.add([{ subject, addedBy: 'x'.repeat(256) }])).toThrow(refused);
    for (const untilMs of [0, -1, 1.5, 2 ** 48, Number.NaN]) {
      expect(() => bans.add([{ subject, untilMs }])).toThrow(refused);
    }
    expect(() => bans.add([{ subject: ALICE.subarray(1) }])).toThrow(refused);
    const short = { bytes: new Uint8Array(3), prefixBits: 8 };
    expect(() => bans.add([{ subject: short }])).toThrow(
      expect.objectContaining({ kind: 'invalid', code: 'address-range' }),
    );
  });

  it('stay in force whatever a newer version wrote of them; subjects it does not know are passed over', async () => {
    await bans.add([{ subject: ALICE, untilMs: 1_900_000_000_000, reason: 'x' }]);
    const [fact] = (await registry.list({ collection: 'bans' })).facts;
    const { key } = fact!;
    await registry.change([
      { collection: 'bans', key, value: Uint8Array.of(9, 9, 9) },
      { collection: 'bans', key: Uint8Array.of(9, 1), value: Uint8Array.of(1) },
      { collection: 'bans', key: Uint8Array.of(4, 1, 2, 3, 4, 33), value: Uint8Array.of(1) },
    ]);
    expect((await bans.list()).bans).toMatchObject([{ untilMs: undefined, reason: '' }]);
  });
});
