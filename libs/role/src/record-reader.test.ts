/** What a page costs, whatever is asked: counted on real storage. */
import type { Page } from '@mosaic-cluster/bus';
import {
  buildFilter,
  type FilterView,
  type RecordView,
  type Reference,
} from '@mosaic-cluster/protocol';
import type { RecordIndex, SegmentLog } from '@mosaic-cluster/store';
import { afterEach, describe, expect, it } from 'vitest';
import { intercept } from '../testing/intercept.ts';
import { kind, moment, notify, person, record } from '../testing/people.ts';
import { openPolicy, privatePolicy } from '../testing/policies.ts';
import { present } from '../testing/present.ts';
import { idOf, TestRoles } from '../testing/test-roles.ts';

const ALICE = person(0);
const RARE = kind({ applicationKind: 7 });
const BIG = { records: 1000, bytes: 1e9, scanned: 1e6 };

let roles: TestRoles;
/** What storage was asked for. */
let looked = { entries: 0, looks: 0, lookups: 0, reads: [] as number[] };
afterEach(() => roles.close());

async function open(): Promise<void> {
  roles = await TestRoles.open({
    policies: [openPolicy, privatePolicy],
    wrapLog: counting,
    wrapIndex: countingIndex,
  });
}

function counting(log: SegmentLog): SegmentLog {
  return intercept(log, {
    peek: (location) => {
      looked.looks += 1;
      return log.peek(location);
    },
    read: (locations) => {
      looked.reads.push(locations.length);
      return log.read(locations);
    },
  });
}

function countingIndex(index: RecordIndex): RecordIndex {
  return intercept(index, {
    scan: async (path, range) => {
      const entries = await index.scan(path, range);
      looked.entries += entries.length;
      return entries;
    },
    lookup: (ids) => {
      looked.lookups += ids.length;
      return index.lookup(ids);
    },
  });
}

function forgetCounts(): void {
  looked = { entries: 0, looks: 0, lookups: 0, reads: [] };
}

async function store(count: number, of: (n: number) => RecordView): Promise<RecordView[]> {
  const records = Array.from({ length: count }, (_, n) => of(n));
  for (let at = 0; at < count; at += 100) {
    await roles.submit('outbox', records.slice(at, at + 100));
  }
  return records;
}

const page = (filter: FilterView, budget = BIG, cursor?: Uint8Array) =>
  roles.role('outbox').worker.query({ filter, reader: undefined, cursor, budget });

describe('a page', () => {
  it('looks at no more candidates than its budget, and goes on behind them', async () => {
    await open();
    await store(600, (n) => record(ALICE, { timestamp: moment(n) }));
    const [rare] = await store(1, () => record(ALICE, { kind: RARE, timestamp: moment(-1) }));
    const filter = buildFilter([
      { name: 'authors', keys: [ALICE.key] },
      { name: 'excludedTags', tags: [notify(person(9))] },
      { name: 'until', timestamp: moment(-1) },
    ]);
    expect((await page(filter)).records.map((each) => idOf(each.record))).toEqual([
      idOf(present(rare)),
    ]);
    const slow = buildFilter([
      { name: 'authors', keys: [ALICE.key] },
      { name: 'receivedUntil', timestamp: 1n },
    ]);
    forgetCounts();
    const first = await page(slow, { ...BIG, scanned: 50 });
    expect(first.records).toEqual([]);
    expect(looked.looks).toBeLessThanOrEqual(50);
    expect(looked.entries).toBeLessThanOrEqual(4 * 50);
    const second = await page(slow, { ...BIG, scanned: 50 }, first.next);
    expect(Buffer.compare(present(second.below), present(first.below))).toBeLessThan(0);
  });

  it('says how many index entries it took to find, be it nothing', async () => {
    await open();
    await store(600, (n) => record(ALICE, { timestamp: moment(n) }));
    const slow = buildFilter([
      { name: 'authors', keys: [ALICE.key] },
      { name: 'receivedUntil', timestamp: 1n },
    ]);
    const [part, all] = [await page(slow, { ...BIG, scanned: 50 }), await page(slow)];
    expect(part.scanned).toBeGreaterThanOrEqual(50);
    expect(part.scanned).toBeLessThan(300);
    expect(all.scanned).toBeGreaterThanOrEqual(600);
    const strangers = Array.from({ length: 20 }, (_, n) => person(20 + n).key);
    const wide = await page(buildFilter([{ name: 'authors', keys: strangers }]));
    expect(wide.scanned).toBeGreaterThanOrEqual(20);
  });

  it('says the same of IDs that are looked for, whether they are found, may be read, or are not there', async () => {
    await open();
    const own = await store(20, (n) => record(ALICE, { timestamp: moment(n) }));
    const secrets = Array.from({ length: 20 }, (_, n) =>
      record(ALICE, { kind: kind({ audience: 'author-only' }), timestamp: moment(n) }),
    );
    await roles.submit('encryption', secrets);
    const nowhere = Array.from({ length: 20 }, (_, n) =>
      record(ALICE, { timestamp: moment(50 + n) }),
    );
    const cost = async (role: 'outbox' | 'encryption', records: readonly RecordView[]) => {
      const references = records.map(({ id }) => id);
      const { worker } = roles.role(role);
      const reader = person(1).key;
      return (await worker.get({ references, reader, cursor: undefined, budget: BIG })).scanned;
    };
    const price = await cost('outbox', own);
    expect(price).toBeGreaterThanOrEqual(20);
    expect(await cost('outbox', nowhere)).toBe(price);
    expect(await cost('encryption', secrets)).toBe(price);
    expect(await cost('encryption', nowhere)).toBe(price);
  });

  it('does not read large records that it has no room for', async () => {
    await open();
    const payload = new Uint8Array(400_000);
    await store(40, (n) => record(ALICE, { timestamp: moment(n), payload }));
    await roles.restart(false);
    forgetCounts();
    const filter = buildFilter([{ name: 'authors', keys: [ALICE.key] }]);
    const budget = { records: 512, bytes: 262_144, scanned: 4096 };
    const { records, next } = await page(filter, budget);
    expect(records).toHaveLength(1);
    expect(next).toBeDefined();
    expect(Math.max(...looked.reads)).toBeLessThanOrEqual(16);
  });

  it('does not pay for thousands of references that it has not come to', async () => {
    await open();
    const records = await store(60, (n) => record(ALICE, { timestamp: moment(n) }));
    const missing = Array.from({ length: 3000 }, (_, n) =>
      record(ALICE).id.map((byte, i) => (i > 40 ? n & 0xff : byte)),
    );
    const references = [...missing, ...records.map(({ id }) => id)];
    const { worker } = roles.role('outbox');
    const budget = { records: 10, bytes: 1e9, scanned: 100 };
    forgetCounts();
    const first = await worker.get({ references, reader: undefined, cursor: undefined, budget });
    expect(first.records).toHaveLength(10);
    expect(looked.lookups).toBeLessThanOrEqual(512);
  });

  it('asks the index for no more than was wanted', async () => {
    await open();
    await store(60, (n) => record(ALICE, { timestamp: moment(n) }));
    forgetCounts();
    const filter = buildFilter([{ name: 'authors', keys: [ALICE.key] }]);
    expect((await page(filter, { ...BIG, records: 20 })).records).toHaveLength(20);
    expect(looked.entries).toBe(20);
  });

  it('says that there is nothing more where it holds everything that was named', async () => {
    await open();
    const records = await store(10, (n) => record(ALICE, { timestamp: moment(n) }));
    const replaceable = record(ALICE, { kind: kind({ duplicateHandling: 'replaceable' }) });
    await roles.submit('outbox', [replaceable]);
    const { worker } = roles.role('outbox');
    const ids = records.map(({ id }) => id);
    const get = async (...references: Reference[]) => {
      const budget = { ...BIG, records: references.length };
      return worker.get({ references, reader: undefined, cursor: undefined, budget });
    };
    for (const references of [
      ids,
      ids.slice(0, 1),
      [replaceable.address],
      [...ids, replaceable.address],
    ]) {
      const { records: found, next } = await get(...references);
      expect([found.length, next]).toEqual([references.length, undefined]);
    }
  });

  it('finds everything between pages, by the window of reception as well', async () => {
    await open();
    const records = await store(30, (n) => {
      roles.now += 1n;
      return record(ALICE, { timestamp: moment((n * 7) % 30) });
    });
    const since = { name: 'receivedSince', timestamp: 0n } as const;
    const filter = buildFilter([{ name: 'kinds', kinds: [kind()] }, since]);
    const found = await roles.query('outbox', filter, undefined, { ...BIG, records: 7 });
    expect(found).toEqual(records.map(idOf).toSorted().toReversed());
  });
});

describe('many who ask for everything', () => {
  it('have their next pages read one after the other, and everybody else’s first before them', async () => {
    await open();
    await store(600, (n) => record(ALICE, { timestamp: moment(n) }));
    const everything = buildFilter([{ name: 'authors', keys: [ALICE.key] }]);
    const { next } = await page(everything, { ...BIG, records: 10 });
    let done = 0;
    const long = Array.from({ length: 20 }, async () => {
      await page(everything, BIG, present(next));
      done += 1;
    });
    await page(everything, { ...BIG, records: 20 });
    expect(done).toBe(0);
    await new Promise(setImmediate);
    await page(everything, { ...BIG, records: 20 });
    expect(done).toBeLessThan(3);
    await Promise.all(long);
  });
});

describe('what a page is not given', () => {
  it('a filter that narrows nothing', async () => {
    await open();
    const filter = buildFilter([{ name: 'since', timestamp: 0n }]);
    await expect(page(filter)).rejects.toMatchObject({ code: 'too-open' });
  });

  it('a cursor of somebody else', async () => {
    await open();
    const filter = buildFilter([{ name: 'kinds', kinds: [kind()] }]);
    await expect(page(filter, BIG, new Uint8Array(3))).rejects.toMatchObject({ code: 'cursor' });
  });

  it('anything of other people’s private records, not even a look at them', async () => {
    await open();
    const secret = record(ALICE, { kind: kind({ audience: 'author-only' }) });
    await roles.submit('encryption', [secret]);
    const { worker } = roles.role('encryption');
    const filter = buildFilter([{ name: 'authors', keys: [ALICE.key] }]);
    forgetCounts();
    const readers = [undefined, person(1).key];
    const ask = (): Promise<Page[]> =>
      Promise.all(
        readers.map((reader) => worker.query({ filter, reader, cursor: undefined, budget: BIG })),
      );
    const found = await ask();
    const nothing = { records: [], next: undefined, below: undefined };
    expect(found).toMatchObject([nothing, nothing]);
    expect(looked.looks).toBe(0);
    // Nor does what it costs say how many there are.
    const more = Array.from({ length: 9 }, () =>
      record(ALICE, { kind: kind({ audience: 'author-only' }) }),
    );
    await roles.submit('encryption', more);
    forgetCounts();
    expect(await ask()).toEqual(found);
    expect(looked.looks).toBe(0);
    const references = [secret.id, secret.address];
    const request = { references, reader: person(1).key, cursor: undefined, budget: BIG };
    expect((await worker.get(request)).records).toEqual([]);
  });

  it('more work for somebody else’s private address where a thousand records lie there', async () => {
    await open();
    const secretKind = kind({ audience: 'author-only', applicationKind: 9 });
    const secrets = Array.from({ length: 1000 }, (_, n) =>
      record(ALICE, { kind: secretKind, timestamp: moment(n) }),
    );
    for (let at = 0; at < secrets.length; at += 100) {
      await roles.submit('encryption', secrets.slice(at, at + 100));
    }
    const { worker } = roles.role('encryption');
    const workFor = async (address: Uint8Array): Promise<typeof looked> => {
      forgetCounts();
      const request = { references: [address], reader: person(1).key, cursor: undefined };
      expect((await worker.get({ ...request, budget: BIG })).records).toEqual([]);
      return looked;
    };
    // Whom the reader acts for is looked up once.
    await workFor(record(person(3), { kind: secretKind }).address);
    const filled = await workFor(present(secrets[0]).address);
    const empty = await workFor(record(person(2), { kind: secretKind }).address);
    expect(filled).toEqual(empty);
  });
});
