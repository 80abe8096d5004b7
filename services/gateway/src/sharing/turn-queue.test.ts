/** Whose turn it is. */
import { expect, test } from 'vitest';
import { TurnQueue } from './turn-queue.ts';

const anybody = (): boolean => true;

function takeAll(queue: TurnQueue<string>): (string | undefined)[] {
  const taken: (string | undefined)[] = [];
  while (queue.size > 0) taken.push(queue.take(anybody)?.thing);
  return taken;
}

test('everybody gets one at a time, in the order in which they came', () => {
  const queue = new TurnQueue<string>();
  for (const thing of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.add(thing[0]!, thing);
  expect(takeAll(queue)).toEqual(['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
  queue.add('a', 'a4');
  expect(takeAll(queue)).toEqual(['a4']);
  expect(queue.take(anybody)).toBeUndefined();
});

test('who may have none is passed over and keeps the turn', () => {
  const queue = new TurnQueue<string>();
  for (const thing of ['a1', 'a2', 'b1', 'b2']) queue.add(thing[0]!, thing);
  expect(queue.take((who) => who !== 'a')).toEqual({ who: 'b', thing: 'b1' });
  for (const [who, thing] of [
    ['b', 'b2'],
    ['b', 'b2'],
    ['a', 'b2'],
  ] as const) {
    queue.delete(who, thing);
  }
  expect(queue.size).toBe(2);
  expect(queue.take((who) => who !== 'a')).toBeUndefined();
  expect(takeAll(queue)).toEqual(['a1', 'a2']);
});

test('a long line is taken in its order', () => {
  const queue = new TurnQueue<number>();
  const numbers = Array.from({ length: 1_000 }, (_, n) => n);
  for (const n of numbers) queue.add('a', n);
  queue.delete('a', 500);
  const taken: unknown[] = [];
  while (queue.size > 0) taken.push(queue.take(anybody)?.thing);
  expect(taken).toEqual(numbers.filter((n) => n !== 500));
});
