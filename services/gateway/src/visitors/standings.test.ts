/** How well keys are known: asked for beside the work, a bounded number at a time, and again when that changes. */
import type { Standing } from '@mosaic-cluster/abuse';
import { fakeKey } from '@mosaic-cluster/protocol/testing';
import { describe, expect, test } from 'vitest';
import { FakeClock } from '../../testing/fake-clock.ts';
import { quiet } from '../../testing/test-gateway.ts';
import { Standings } from './standings.ts';

const [ALICE, MASTER] = [fakeKey(1), fakeKey(2)];

class Visit {
  readonly told: Standing[] = [];
  setStanding(standing: Standing): void {
    this.told.push(standing);
  }
}

function standings(options: Partial<ConstructorParameters<typeof Standings>[0]> = {}) {
  const clock = new FakeClock();
  const failures: unknown[] = [];
  const made = new Standings({
    identities: async (key) => [key],
    isRegistered: () => false,
    areKnown: () => true,
    failed: (error) => failures.push(error),
    clock,
    ...options,
  });
  return { made, clock, failures };
}

describe('a key', () => {
  test('that nobody knows is authenticated and no more', async () => {
    const visit = new Visit();
    standings().made.follow(ALICE, visit);
    await quiet();
    expect(visit.told).toEqual(['authenticated']);
  });

  test('that acts for a master is attested', async () => {
    const visit = new Visit();
    standings({ identities: async (key) => [key, MASTER] }).made.follow(ALICE, visit);
    await quiet();
    expect(visit.told).toEqual(['attested']);
  });

  test('that acts for a master of whom nobody has heard for long is authenticated and no more', async () => {
    const visit = new Visit();
    const asked: unknown[] = [];
    const areKnown = async (masters: readonly Uint8Array[]) => asked.push(masters) === 0;
    const identities = async (key: Uint8Array) => [key, MASTER];
    standings({ identities, areKnown }).made.follow(ALICE, visit);
    await quiet();
    expect(visit.told).toEqual(['authenticated']);
    expect(asked).toEqual([[MASTER]]);
  });

  test('is looked up once, whoever else gets registered', async () => {
    const visit = new Visit();
    let lookUps = 0;
    const areKnown = async () => (lookUps += 1) > 0;
    const identities = async (key: Uint8Array) => [key, MASTER];
    const { made, clock } = standings({ identities, areKnown });
    made.follow(ALICE, visit);
    await quiet();
    made.changed();
    clock.advance(10_000);
    await quiet();
    made.follow(ALICE, visit);
    await quiet();
    expect(visit.told).toEqual(['attested', 'attested', 'attested']);
    expect(lookUps).toBe(1);
  });

  test('that acts for a registered user is registered', async () => {
    const visit = new Visit();
    const identities = async (key: Uint8Array) => [key, MASTER];
    const isRegistered = async (keys: readonly Uint8Array[]) => keys.includes(MASTER);
    standings({ identities, isRegistered }).made.follow(ALICE, visit);
    await quiet();
    expect(visit.told).toEqual(['registered']);
  });

  test('that comes back is what it was found to be, until that may have changed', async () => {
    const identities = async (key: Uint8Array) => [key, MASTER];
    const { made, clock } = standings({ identities });
    expect(made.ofNewcomer(ALICE)).toBeUndefined();
    made.follow(ALICE, new Visit())();
    await quiet();
    expect(made.ofNewcomer(ALICE)).toBe('attested');
    made.changed();
    clock.advance(10_000);
    expect(made.ofNewcomer(ALICE)).toBeUndefined();
  });

  test('that is registered comes in as that, where it takes no time to tell', () => {
    expect(standings({ isRegistered: () => true }).made.ofNewcomer(ALICE)).toBe('registered');
    const later = standings({ isRegistered: async () => true }).made;
    expect(later.ofNewcomer(ALICE)).toBeUndefined();
  });

  test('keeps its standing where nobody answers', async () => {
    const visit = new Visit();
    const { made, failures } = standings({ identities: () => Promise.reject(new Error('away')) });
    made.follow(ALICE, visit);
    await quiet();
    expect(visit.told).toEqual([]);
    expect(failures).toHaveLength(1);
  });

  test('is asked about again when others are registered, many changes at once, until it is gone', async () => {
    const visit = new Visit();
    let isRegistered = false;
    let identified = 0;
    const { made, clock } = standings({
      isRegistered: () => isRegistered,
      identities: async (key) => {
        identified += 1;
        return [key];
      },
    });
    const unfollow = made.follow(ALICE, visit);
    await quiet();
    isRegistered = true;
    for (let n = 0; n < 5; n++) made.changed();
    clock.advance(10_000);
    await quiet();
    expect(visit.told).toEqual(['authenticated', 'registered']);
    expect(identified).toBe(1);
    unfollow();
    made.changed();
    clock.advance(10_000);
    await quiet();
    expect(visit.told).toHaveLength(2);
  });
});

test('no more than 64 are asked about at a time, and those who left not at all', async () => {
  const asked: (() => void)[] = [];
  const identities = (key: Uint8Array): Promise<Uint8Array[]> =>
    new Promise((resolve) => {
      asked.push(() => resolve([key]));
    });
  const { made } = standings({ identities });
  const visits = Array.from({ length: 100 }, () => new Visit());
  const unfollows = visits.map((visit) => made.follow(ALICE, visit));
  await quiet();
  expect(asked).toHaveLength(64);
  unfollows[99]?.();
  for (const answer of asked.splice(0)) answer();
  await quiet();
  expect(asked).toHaveLength(35);
  for (const answer of asked.splice(0)) answer();
  await quiet();
  expect(visits.filter(({ told }) => told.length === 1)).toHaveLength(99);
});
