/** What few may take from many. */
import { expect, test } from 'vitest';
import { FairShare, halfFree } from './fair-share.ts';

test('half is anybody’s, the other half nobody’s alone', () => {
  const share = new FairShare(halfFree(100, 10));
  const takeAll = (who: string): number => {
    let taken = 0;
    for (; share.hasRoom(who, 1); taken++) share.take(who, 1);
    return taken;
  };
  expect(takeAll('greedy')).toBe(50);
  expect([1, 2, 3, 4, 5].map((n) => takeAll(`honest ${n}`))).toEqual([10, 10, 10, 10, 10]);
  expect(takeAll('late')).toBe(0);
  share.give('greedy', 1);
  expect([takeAll('greedy'), takeAll('late')]).toEqual([0, 1]);
  share.give('greedy', 49);
  for (let n = 1; n <= 5; n++) share.give(`honest ${n}`, 10);
  share.give('late', 1);
  expect(share.total).toBe(0);
  expect(share.hasRoom('greedy', 100)).toBe(true);
  expect(share.hasRoom('greedy', 101)).toBe(false);
});
