/** `mosaic-admin plan` as operators call it. */
import { expect, it } from 'vitest';
import { runHere } from '../../testing/run-here.ts';
import type { Load, Plan } from './plan.ts';

async function planned(...args: string[]): Promise<{ load: Load; plan: Plan }> {
  const { code, stdout, stderr } = await runHere(['plan', ...args, '--json']);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout) as { load: Load; plan: Plan };
}

it('takes a day or a second, and every option to where it belongs', async () => {
  const perDay = await planned('--records-per-day', '8640000');
  const perSecond = await planned('--records-per-second', '100');
  expect(perDay).toEqual(perSecond);
  const options =
    '--records-per-second 2.5 --record-bytes 2KiB --shares 50,30,20 --retention 36h --users 7 ' +
    '--connections 11 --queries-per-second 13 --records-per-query 17 --uncached 0.25 ' +
    '--deliveries 19 --peak 2 --put-ms 23 --redis-master 8GiB --price-gigabyte-month 1 ' +
    '--price-thousand-puts 2 --price-thousand-gets 3 --no-compaction';
  const { load } = await planned(...options.split(' '));
  expect(load).toEqual({
    recordsPerSecond: 2.5,
    recordBytes: 2048,
    shares: { outbox: 0.5, inbox: 0.3, encryption: 0.2 },
    users: 7,
    connections: 11,
    queriesPerSecond: 13,
    recordsPerQuery: 17,
    uncached: 0.25,
    deliveriesPerRecord: 19,
    days: 1.5,
    peak: 2,
    putMs: 23,
    isCompacted: false,
    redisMasterBytes: 8 * 2 ** 30,
    prices: { gigabyteMonth: 1, thousandPuts: 2, thousandGets: 3 },
  });
});

it('tells it in words', async () => {
  const { code, stdout } = await runHere(['plan', '--records-per-day', '1000000']);
  expect(code).toBe(0);
  expect(stdout).toContain('365,000,000 records after 365 days');
  for (const part of ['gateways', 'outbox', 'Redis', 'NATS', 'object store', 'rebuild']) {
    expect(stdout).toMatch(new RegExp(`^${part}`, 'm'));
  }
  expect(stdout).not.toMatch(/NaN|Infinity|undefined/);
});

it.each([
  [[], '--records-per-second'],
  [['--records-per-second', '1', '--records-per-day', '1'], '--records-per-second'],
  [['--records-per-second', 'many'], 'Give a number from 0'],
  [['--records-per-day', '1', '--record-bytes', '2MiB'], 'Give a size like'],
  [['--records-per-day', '1', '--retention', '30'], 'Give a duration'],
  [['--records-per-day', '1', '--shares', '50,50,50'], 'three whole percentages'],
  [['--records-per-day', '1', '--peak', '0.5'], 'Give a number from 1'],
])('refuses %j and says what it wants', async (args, sentence) => {
  const { code, stdout, stderr } = await runHere(['plan', ...args]);
  expect(code).toBe(2);
  expect(stdout).toBe('');
  expect(stderr).toContain(sentence);
});
