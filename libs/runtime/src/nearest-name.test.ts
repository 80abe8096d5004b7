/** A wrong suggestion is worse than none; these keep it to plausible slips. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { editDistance, nearestName } from './nearest-name.ts';

const word = fc.string({ maxLength: 12 });

describe('edit distance', () => {
  it('is symmetric, zero only for equal words, and bounded by the longer one', () => {
    fc.assert(
      fc.property(word, word, (a, b) => {
        const distance = editDistance(a, b);
        expect(editDistance(b, a)).toBe(distance);
        expect(distance === 0).toBe(a === b);
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length));
      }),
    );
  });

  it.each([
    ['kitten', 'sitting', 3],
    ['DRIAN', 'DRAIN', 1],
    ['', 'abc', 3],
  ])('%s to %s takes %i edits', (a, b, edits) => {
    expect(editDistance(a, b)).toBe(edits);
  });
});

describe('nearest name', () => {
  const names = ['MOSAIC_DATA_DIR', 'MOSAIC_LOG', 'MOSAIC_LOG_LEVEL', 'LOG', 'DATA_DIR'];

  it.each([
    ['MOSAIC_DATADIR', 'MOSAIC_DATA_DIR'],
    ['MOSAIC_LOG_LEVLE', 'MOSAIC_LOG_LEVEL'],
    ['MOSAIC_LGO', 'MOSAIC_LOG'],
    ['MOSAIC_REDIS_URL', undefined],
    ['LGO', 'LOG'],
    ['FOO', undefined],
    ['DATA_DRI', 'DATA_DIR'],
  ])('of %s is %s', (name, nearest) => {
    expect(nearestName(name, names)).toBe(nearest);
  });

  it('copes with absurdly long names quickly', () => {
    const startedAt = performance.now();
    expect(nearestName('X'.repeat(100_000), names)).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });
});
