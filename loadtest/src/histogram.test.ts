/** Protects the quantiles: off by less than 1 %, whatever is counted, also when added up. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Histogram } from './histogram.ts';

const micros = fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1, maxLength: 300 });
const share = fc.double({ min: 0, max: 1, noNaN: true });

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

function exactQuantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.at(Math.max(0, Math.ceil(share * sorted.length) - 1))!;
}

describe('Histogram', () => {
  it('gives quantiles within 1 % above the exact ones', () => {
    fc.assert(
      fc.property(micros, share, (values, share) => {
        const exact = exactQuantile(values, share);
        const found = histogramOf(values).quantile(share);
        expect(found).toBeGreaterThanOrEqual(exact);
        expect(found).toBeLessThanOrEqual(exact * 1.01);
      }),
    );
  });

  it('adds up and travels as a snapshot', () => {
    fc.assert(
      fc.property(micros, micros, share, (a, b, share) => {
        const sum = histogramOf(a);
        sum.add(new Histogram(histogramOf(b).snapshot()));
        const all = histogramOf([...a, ...b]);
        expect(sum.total).toBe(a.length + b.length);
        expect(sum.snapshot()).toEqual(all.snapshot());
        expect(sum.quantile(share) / Math.max(1, all.quantile(share))).toBeLessThan(1.01);
      }),
    );
  });

  it('knows the largest value and keeps what is out of range at its ends', () => {
    const histogram = histogramOf([3, 12.6, -5, 1e12]);
    expect(histogram.total).toBe(4);
    expect(histogram.max).toBe(2 ** 31 - 1);
    expect(histogram.quantile(0.25)).toBe(0);
    expect(histogram.quantile(0.75)).toBe(13);
  });

  it('has nothing to say about nothing', () => {
    expect(new Histogram().quantile(0.5)).toBe(0);
  });
});
