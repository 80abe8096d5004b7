/** Protects what a profile of a cluster says: whose time it is, all of it, and what it is for. */
import { describe, expect, it } from 'vitest';
import { renderParts } from './cluster-profile.ts';
import { OTHER_THREADS, partOf, partsOf } from './components.ts';
import type { FunctionTime } from './cpu-profile.ts';

function time(module: string, selfMicros: number, name = 'work'): FunctionTime {
  return { name, place: '', module, selfMicros };
}

const PHASE = {
  startMicros: 0,
  endMicros: 1_000,
  cores: new Map(),
  threadMicros: new Map([
    [7, 600],
    [8, 100],
    [9, 50],
  ]),
  groupMicros: new Map([
    ['outbox', 900],
    ['Redis', 300],
  ]),
};
const OUTBOX = {
  pid: 7,
  times: [time('(idle)', 5_000, '(idle)'), time('ioredis', 10), time('node', 30)],
};

describe('partsOf', () => {
  it('shares out what the main thread used, and says what the other threads did', () => {
    const parts = partsOf({ name: 'outbox', pids: [7] }, PHASE, [OUTBOX]);
    expect(Object.fromEntries(parts)).toEqual({
      'Redis driver': 150,
      'Node: sockets, timers, events': 450,
      [OTHER_THREADS]: 300,
    });
  });

  it('knows servers without a profile as a whole', () => {
    const parts = partsOf({ name: 'Redis', pids: [20] }, PHASE, [OUTBOX]);
    expect([...parts.values()]).toEqual([300]);
  });

  it('takes all threads for a server that is one process', () => {
    const parts = partsOf({ name: 'embedded', pids: [7] }, PHASE, [OUTBOX]);
    expect(parts.get(OTHER_THREADS)).toBe(150);
  });
});

it('partOf puts together what belongs together', () => {
  expect(partOf('@nats-io/transport-node')).toBe(partOf('@nats-io/nats-core'));
  expect(partOf('libs/store')).toBe('libs/store');
  expect(partOf('(program)')).toBe(partOf('(native)'));
});

it('renderParts shows what a cluster takes more, the most first', () => {
  const lines = renderParts([
    {
      name: 'embedded',
      parts: new Map([
        ['a', 10],
        ['b', 5],
        ['c', 0.1],
      ]),
    },
    {
      name: 'gateway',
      parts: new Map([
        ['a', 6],
        ['b', 20],
      ]),
    },
    { name: 'Redis', parts: new Map([['a', 6]]) },
  ]);
  expect(lines).toEqual([
    '          embedded  cluster   more  gateway  Redis',
    'b             5.00     20.0   15.0     20.0',
    'a             10.0     12.0   2.00     6.00   6.00',
    'the rest      0.10           -0.10',
    'all           15.1     32.0   16.9     26.0   6.00',
  ]);
});
