/** What tests of the index on Redis share: looking at an index from all sides at once. */
import { hexEncode } from '@mosaic-cluster/protocol';
import { expect } from 'vitest';
import type { IndexAddition, IndexPath, RecordIndex } from './record-index.ts';
import { plainEntry } from './record-index-contract.ts';
import type { RedisConnection } from './redis-connection.ts';

const EVERYTHING = { limit: 1_000_000 } as const;

/** Every path that a record of the fixture is on. */
export function pathsOf({ record, held }: Pick<IndexAddition, 'record' | 'held'>): IndexPath[] {
  const { author, kind, signingKey, address } = record;
  return [
    { path: 'all' },
    { path: 'received' },
    { path: 'author', author },
    { path: 'author-kind', author, kind },
    { path: 'kind', kind },
    { path: 'address', address },
    ...(held ? [{ path: 'held' } as const] : []),
    ...(record.signedByAuthor ? [] : [{ path: 'signing-key', signingKey } as const]),
    ...[...record.tags()].map((tag): IndexPath => ({ path: 'tag', tag: tag.bytes.subarray(2) })),
  ];
}

/**
 * Checks that each record is found by its ID and once on every path of its own, or nowhere; and that
 * nothing else is there.
 *
 * @returns those that are found
 */
export async function expectWhole(
  index: RecordIndex,
  candidates: readonly IndexAddition[],
): Promise<IndexAddition[]> {
  const looked = await index.lookup(candidates.map(({ record }) => record.id));
  const visible = candidates.filter((_, i) => looked[i] !== undefined);
  const scans = new Map<string, string[]>();
  const scan = async (path: IndexPath): Promise<string[]> => {
    const name = JSON.stringify(path, (_, value: unknown) =>
      value instanceof Uint8Array ? hexEncode(value) : value,
    );
    let found = scans.get(name);
    if (found === undefined) {
      const entries = await index.scan(path, EVERYTHING);
      // The position of a record, also behind a time of reception.
      found = entries.map((entry) => plainEntry(entry).position.slice(-48));
      scans.set(name, found);
    }
    return found;
  };
  for (const candidate of candidates) {
    const position = hexEncode(candidate.record.id.subarray(0, 24));
    for (const path of pathsOf(candidate)) {
      const times = (await scan(path)).filter((each) => each === position).length;
      expect(times, `${path.path} of ${position}`).toBe(visible.includes(candidate) ? 1 : 0);
    }
  }
  expect(await index.count()).toBe(visible.length);
  expect(await scan({ path: 'all' })).toHaveLength(visible.length);
  expect(await scan({ path: 'received' })).toHaveLength(visible.length);
  return visible;
}

/** A connection that fails from one message on, before or after Redis got that. */
export function failingAt(
  connection: RedisConnection,
  message: number,
  isSent: boolean,
): RedisConnection {
  let messages = 0;
  return {
    keyPrefix: connection.keyPrefix,
    check: () => connection.check(),
    close: () => connection.close(),
    run: async (calls) => {
      // Empty ones are not messages.
      if (calls.length === 0) return [];
      messages++;
      if (messages > message || (messages === message && !isSent)) throw new Error('crashed');
      const replies = await connection.run(calls);
      if (messages === message) throw new Error('crashed');
      return replies;
    },
  };
}

/** A connection that waits before one message. */
export function pausedAt(
  connection: RedisConnection,
  message: number,
): { connection: RedisConnection; reached: Promise<void>; resume: () => void } {
  let messages = 0;
  let arrive = (): void => {};
  let resume = (): void => {};
  const reached = new Promise<void>((resolve) => {
    arrive = resolve;
  });
  const gate = new Promise<void>((resolve) => {
    resume = resolve;
  });
  const paused: RedisConnection = {
    keyPrefix: connection.keyPrefix,
    check: () => connection.check(),
    close: () => connection.close(),
    run: async (calls) => {
      if (calls.length > 0 && ++messages === message) {
        arrive();
        await gate;
      }
      return connection.run(calls);
    },
  };
  return { connection: paused, reached, resume };
}
