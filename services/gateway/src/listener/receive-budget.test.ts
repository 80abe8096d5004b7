/** Who goes when unfinished messages hold too much. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { ReceiveBudget, type ReceivingClient } from './receive-budget.ts';

class Client implements ReceivingClient {
  readonly group: string;
  isOut = false;

  constructor(group: string) {
    this.group = group;
  }

  crowdOut(): void {
    this.isOut = true;
  }
}

it('lets one go of the address that holds most, and nobody else', () => {
  let now = 0;
  const budget = new ReceiveBudget(1000, () => now);
  const honest = new Client('honest');
  const hostile = [new Client('hostile'), new Client('hostile'), new Client('hostile')];
  for (const client of hostile) budget.hold(client, 200, true);
  now = 1000;
  budget.hold(honest, 300, true);
  expect(budget.heldBytes).toBe(900);
  budget.hold(honest, 500, true);
  expect(hostile.filter(({ isOut }) => isOut)).toHaveLength(1);
  expect(honest.isOut).toBe(false);
  expect(budget.heldBytes).toBe(900);
});

it('weighs bytes by age, so that a large new message outlives a small stalled one', () => {
  let now = 0;
  const budget = new ReceiveBudget(1000, () => now);
  const [stalled, busy, fresh] = [new Client('a'), new Client('b'), new Client('c')];
  budget.hold(stalled, 100, true);
  budget.hold(busy, 100, true);
  now = 60_000;
  // One message after the other, and each is new.
  budget.hold(busy, 120, false);
  budget.hold(fresh, 850, true);
  expect([stalled, busy, fresh].map(({ isOut }) => isOut)).toEqual([true, false, false]);
});

it('holds its bound and gives everything back, whatever happens', () => {
  const step = fc.record({
    client: fc.nat({ max: 5 }),
    bytes: fc.nat({ max: 700 }),
    isSame: fc.boolean(),
    release: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let now = 0;
      const budget = new ReceiveBudget(1000, () => now);
      const clients = Array.from({ length: 6 }, (_, i) => new Client(`group ${i % 3}`));
      for (const { client: place, bytes, isSame, release } of steps) {
        now += 50;
        const client = clients[place]!;
        client.isOut = false;
        if (release) budget.release(client);
        else budget.hold(client, bytes, isSame);
        expect(budget.heldBytes).toBeLessThanOrEqual(1000);
      }
      for (const client of clients) budget.release(client);
      expect(budget.heldBytes).toBe(0);
    }),
  );
});
