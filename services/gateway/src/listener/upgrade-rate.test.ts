/** Who comes in when many want to. */
import { expect, it } from 'vitest';
import { UpgradeRate } from './upgrade-rate.ts';

function countTaken(rate: UpgradeRate, group: (i: number) => string, tries: number): number {
  return Array.from({ length: tries }, (_, i) => rate.take(group(i))).filter(Boolean).length;
}

it('leaves half to others when one address asks for all, every second anew', () => {
  let now = 0;
  const rate = new UpgradeRate(80, () => now);
  for (let second = 0; second < 3; second++) {
    expect(countTaken(rate, () => 'hostile', 500)).toBe(40);
    expect(countTaken(rate, () => 'honest', 500)).toBe(10);
    expect(countTaken(rate, (i) => `other ${i}`, 500)).toBe(30);
    expect(rate.take('late')).toBe(false);
    now += 1000;
  }
});
