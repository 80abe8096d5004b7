/** What protects everybody else from the work of long answers: it is spread over the event loop. */
import { describe, expect, it } from 'vitest';
import { ReadingTurns } from './reading-turns.ts';

const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('ReadingTurns', () => {
  it('serves one in each turn of the event loop, first come, first served', async () => {
    const turns = new ReadingTurns();
    const served: number[] = [];
    const all = Array.from({ length: 5 }, async (_, n) => {
      await turns.next();
      served.push(n);
    });
    expect(served).toEqual([]);
    for (let turn = 1; turn <= 5; turn++) {
      await turnOfTheLoop();
      expect(served).toEqual([0, 1, 2, 3, 4].slice(0, turn));
    }
    await Promise.all(all);
  });

  it('lets whoever comes while others wait stand behind them', async () => {
    const turns = new ReadingTurns();
    const served: string[] = [];
    const again = async (name: string, times: number): Promise<void> => {
      for (let time = 0; time < times; time++) {
        await turns.next();
        served.push(name);
      }
    };
    await Promise.all([again('greedy', 3), again('modest', 1)]);
    expect(served).toEqual(['greedy', 'modest', 'greedy', 'greedy']);
  });
});
