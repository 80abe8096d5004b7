/** Protects people behind an address that somebody else uses heavily, and everybody else from both. */
import { expect, test } from 'vitest';
import { CrowdQueue } from './crowd-queue.ts';

const anybody = (): boolean => true;

test('addresses take turns, and in the turns of one its connections', () => {
  const queue = new CrowdQueue<string>();
  const [greedy, modest, other] = [{}, {}, {}];
  for (const thing of ['g1', 'g2', 'g3', 'g4']) queue.add('shared', greedy, thing);
  for (const thing of ['m1', 'm2']) queue.add('shared', modest, thing);
  for (const thing of ['o1', 'o2', 'o3']) queue.add('other', other, thing);
  expect(queue.take((who) => who !== 'shared')).toEqual({ who: 'other', thing: 'o1' });
  const taken: string[] = [];
  while (queue.size > 0) taken.push(queue.take(anybody)!.thing);
  expect(taken).toEqual(['g1', 'o2', 'm1', 'o3', 'g2', 'm2', 'g3', 'g4']);
  expect(queue.take(anybody)).toBeUndefined();
});
