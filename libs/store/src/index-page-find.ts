/** Finds the page of a path value that covers a position, where its key is not known yet. */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { Database } from 'lmdb';
import { compareAt } from './index-page.ts';
import { pageKey } from './index-path.ts';

/**
 * Key of the older page of a path value that covers a position.
 *
 * @param below whether what lies just below `position` is looked for, instead of `position` itself
 * @returns undefined where only the head covers it
 */
export function findPage(
  database: Database<Uint8Array, Uint8Array>,
  headKey: Uint8Array,
  position: Uint8Array,
  below: boolean,
): Uint8Array | undefined {
  const bound = pageKey(headKey, position);
  const start = below ? bound : Buffer.concat([bound, ZERO]);
  const prefixBytes = bound.length - position.length;
  for (const key of database.getKeys({ start, limit: 1 })) {
    const same = key.length === bound.length && compareAt(key, 0, bound, 0, prefixBytes) === 0;
    return same ? key : undefined;
  }
  return undefined;
}

const ZERO = Uint8Array.of(0);

/** The pages of a path do not cover all positions: what is stored is not what was written. */
export function brokenChain(): MosaicError {
  return new MosaicError('corrupt', 'index-corrupt', 'a page of the record index is missing');
}
