/**
 * Tries at the start everything that the server relies on an object store for, so that a wrong
 * permission or a store that overwrites is met by the operator and not by records.
 */
import { randomBytes } from 'node:crypto';
import { equalBytes, isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type { ObjectStore } from './object-store.ts';

/** Where the test writes; what a killed process leaves here may be deleted. */
export const SELF_TEST_PREFIX = 'self-test/';

/** Two servers that pass differ by at most twice as much. */
const CLOCKS_APART_MS_MAX = 15_000;
const RANGE = { start: 5, end: 9 } as const;

interface Trial {
  /** What was tried, as in "… does not work". */
  readonly what: string;
  /** What the operator can do. */
  readonly remedy: string;
  /** Resolves to a sentence where the store answers, but wrongly. */
  readonly run: () => Promise<string | undefined>;
}

/**
 * Writes, reads, lists and removes two small objects.
 *
 * @throws MosaicError `unavailable` (`store-self-test`) naming the store, what does not work and the
 *   remedy
 */
export async function selfTestObjectStore(store: ObjectStore): Promise<void> {
  const stem = `${SELF_TEST_PREFIX}${randomBytes(8).toString('hex')}`;
  const keys = [`${stem}-1`, `${stem}-2`] as const;
  let isReachable = false;
  try {
    for (const trial of trialsOf(store, keys)) {
      const wrong = await attempt(store, trial);
      if (wrong !== undefined) throw wrong;
      isReachable = true;
    }
  } catch (error) {
    if (isReachable) await store.delete(keys).catch(() => undefined);
    throw error;
  }
}

function trialsOf(store: ObjectStore, [first, second]: readonly [string, string]): Trial[] {
  const bytes = randomBytes(16);
  return [
    {
      what: 'listing',
      remedy: 'check its name and address, and that the credentials may list it (s3:ListBucket)',
      run: async () => {
        await store.list({ prefix: SELF_TEST_PREFIX, limit: 1 });
        return undefined;
      },
    },
    {
      what: 'writing',
      remedy: 'allow the credentials to write objects (s3:PutObject), and see that it has room',
      run: async () => {
        await store.put(first, bytes);
        await store.put(second, bytes);
        return undefined;
      },
    },
    {
      what: 'writing only what is new',
      remedy:
        'use a store that enforces "If-None-Match: *": without it one server could overwrite what another one wrote',
      run: () => overwrites(store, first),
    },
    {
      what: 'reading',
      remedy: 'allow the credentials to read objects (s3:GetObject)',
      run: async () => {
        const part = await store.get(first, RANGE);
        if (equalBytes(part, bytes.subarray(RANGE.start, RANGE.end))) return undefined;
        return 'a range of an object is not what was written';
      },
    },
    {
      what: 'telling the time',
      remedy: 'set the clocks of both by the network: records are found by when they were stored',
      run: () => clockFault(store, first),
    },
    {
      what: 'listing by key',
      remedy:
        'use a store that lists by prefix, in the order of the keys, from any key on: directory buckets of S3 Express cannot',
      run: async () => {
        const { objects } = await store.list({ prefix: first.slice(0, -1), after: first });
        if (objects.length === 1 && objects[0]?.key === second) return undefined;
        return 'a listing from a key on does not show what follows';
      },
    },
    {
      what: 'deleting',
      remedy: 'allow the credentials to delete objects (s3:DeleteObject)',
      run: async () => {
        await store.delete([first, second]);
        if ((await store.head(first)) === undefined) return undefined;
        return 'a deleted object is still there';
      },
    },
  ];
}

async function overwrites(store: ObjectStore, key: string): Promise<string | undefined> {
  try {
    await store.put(key, randomBytes(16));
  } catch (error) {
    if (isMosaicError(error) && error.code === 'object-exists') return undefined;
    throw error;
  }
  return 'it took a second object with the same key';
}

async function clockFault(store: ObjectStore, key: string): Promise<string | undefined> {
  const object = await store.head(key);
  const aheadMs = Date.now() - (object?.modifiedAtMs ?? 0);
  if (Math.abs(aheadMs) <= CLOCKS_APART_MS_MAX) return undefined;
  return `its clock and that of this machine are ${Math.round(Math.abs(aheadMs) / 1000)} seconds apart`;
}

async function attempt(store: ObjectStore, trial: Trial): Promise<MosaicError | undefined> {
  const { what, remedy, run } = trial;
  let why: string | undefined;
  let cause: unknown;
  try {
    why = await run();
    if (why === undefined) return undefined;
  } catch (error) {
    cause = error;
    why = error instanceof Error ? error.message : String(error);
  }
  const message = `${store.name} cannot be used: ${what} does not work (${why}); ${remedy}`;
  return new MosaicError('unavailable', 'store-self-test', message, { cause });
}
