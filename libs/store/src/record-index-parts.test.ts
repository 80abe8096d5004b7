/** What others see of a call that LMDB takes several transactions for, and what is left of half of it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { hexEncode } from '@mosaic-cluster/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type IndexEnvironment, openIndexEnvironment } from './index-environment.ts';
import { additionOf, keyNumber, tagNumber } from './record-index-fixture.ts';
import { scan } from './record-index-model-contract.ts';
import type { IndexAddition, IndexPath, RecordIndex } from './record-index.ts';

const COUNT = 120;
/** Replaceable addresses among them. */
const ADDRESSES = 7;
/** What is found of them in the end. */
const LEFT = (COUNT * 2) / 3 + ADDRESSES;
const PATHS: readonly IndexPath[] = [
  { path: 'all' },
  { path: 'author', author: keyNumber(1) },
  { path: 'tag', tag: tagNumber(2) },
];

describe('a call in several transactions', () => {
  let directory: string;
  let environment: IndexEnvironment;
  let index: RecordIndex;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'index-parts-'));
    await reopen();
  });
  afterEach(async () => {
    await environment.close();
    await rm(directory, { recursive: true });
  });

  const reopen = async (): Promise<void> => {
    environment = await openIndexEnvironment({ directory, transactionRowsMax: 50 });
    index = environment.index('outbox');
  };
  const additions: readonly IndexAddition[] =
    // Out of order; every third one is replaceable.
    Array.from({ length: COUNT }, (_, n) =>
      additionOf({
        timestamp: (n * 37) % COUNT,
        kind: n % 3 === 0 ? 1 : 0,
        nonce: n % ADDRESSES,
        tags: [2],
      }),
    );

  /** Who holds the address of an addition, as the replay of a log looks it up. */
  const holderOf = async ({ record }: IndexAddition): Promise<Pick<IndexAddition, 'replaces'>> => {
    const { address } = record;
    const [holder] = await scan(index, { path: 'address', address }, { limit: 1 });
    const replaces = additions.find((each) =>
      hexEncode(each.record.id).startsWith(holder?.position ?? '-'),
    );
    return replaces === undefined ? {} : { replaces };
  };

  /** Counts what is there on several paths, seen in one moment. */
  const look = async (): Promise<number> => {
    const [count, ...found] = await Promise.all([
      index.count(),
      ...PATHS.map((path) => scan(index, path)),
    ]);
    for (const entries of found) {
      const positions = entries.map(({ position }) => position);
      expect(positions).toEqual(positions.toSorted().toReversed());
      expect(new Set(positions).size).toBe(count);
    }
    return count;
  };

  it('shows whole records, sorted, at every moment, and says last how far it got', async () => {
    const call = index.add(additions, Uint8Array.of(7));
    const counts: number[] = [];
    let count = -1;
    while ((await index.appliedTo()) === undefined) {
      count = await look();
      if (counts.at(-1) !== count) counts.push(count);
      await nextTurn();
    }
    const outcomes = await call;
    expect(counts.length).toBeGreaterThan(5);
    expect(outcomes).toHaveLength(COUNT);
    expect(await look()).toBe(LEFT);
    expect(await index.appliedTo()).toEqual(Uint8Array.of(7));
  });

  it('is completed by a second call where it was closed in the middle', async () => {
    const half = index.add(additions, Uint8Array.of(7));
    const failure = expect(half).rejects.toMatchObject({ kind: 'closed' });
    for (let turn = 0; turn < 4; turn++) await nextTurn();
    await environment.close();
    await failure;
    await reopen();
    const left = await look();
    expect(left).toBeGreaterThan(5);
    expect(left).toBeLessThan(COUNT / 2);
    expect(await index.appliedTo()).toBeUndefined();

    for (const addition of additions) {
      const outcomes = await index.add([{ ...addition, ...(await holderOf(addition)) }]);
      expect(outcomes).not.toContain('conflict');
    }
    expect(await look()).toBe(LEFT);
  });
});
