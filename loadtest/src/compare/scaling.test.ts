/** Protects what is said of how a cluster grows: whose the processors were, and what that leaves open. */
import { describe, expect, it } from 'vitest';
import { type ScalingCase, type ScalingRun, scalingRun } from './scaling.ts';
import { renderScaling } from './scaling-report.ts';

function phaseOf(startMicros: number, endMicros: number) {
  return {
    startMicros,
    endMicros,
    threadMicros: new Map([
      [1, 900_000],
      [2, 300_000],
    ]),
    cores: new Map([
      [0, { busyMicros: 1_000_000, idleMicros: 0, stolenMicros: 0 }],
      [1, { busyMicros: 800_000, idleMicros: 200_000, stolenMicros: 0 }],
      [2, { busyMicros: 7, idleMicros: 999_993, stolenMicros: 0 }],
    ]),
    groupMicros: new Map([
      ['outbox', 1_000_000],
      ['Redis', 250_000],
    ]),
  };
}

describe('scalingRun', () => {
  it('shares out the processors that the cluster was kept to', () => {
    const figures = { operations: 5_000, perSecond: 5_000, p50Ms: 9, generatorCpuMicrosEach: 20 };
    const run = scalingRun(figures, phaseOf(1_000_000, 2_000_000), [0, 1]);
    expect(run.microsBy).toEqual({ outbox: 200, Redis: 50 });
    expect(run.coresBy.cluster).toBeCloseTo(1.2);
    expect(run.coresBy.generator).toBeCloseTo(0.1);
    expect(run.coresBy.others).toBeCloseTo(0.5);
    expect(run.coresBy.idle).toBeCloseTo(0.2);
  });
});

function scalingCase(
  size: number,
  perSecond: number,
  outbox: number,
  cluster: number,
): ScalingCase {
  const coresBy = { cluster, generator: 0.02, others: 0.1, idle: 0 };
  const figures: ScalingRun = {
    perSecond,
    p50Ms: 10,
    microsBy: { outbox, S3: 20 },
    generatorMicros: 10,
    idleMicrosPerSecond: 40_000 * size,
    coresBy,
  };
  return { size, runs: [figures], figures };
}

describe('renderScaling', () => {
  it('compares rates, and says what the machine gave', () => {
    const cases = [scalingCase(1, 2_000, 220, 0.48), scalingCase(2, 3_400, 270, 0.98)];
    const lines = renderScaling(cases);
    expect(lines).toContain(
      '2 workers on 2 cores take 1.70 × the records of 1 worker on 1 core; aim ≥ 1.6: reached',
    );
    expect(lines.at(-2)).toBe(
      'With nothing to do they take 40.0 ms and 80.0 ms of processor time a second: 20.0 and 23.5 µs ' +
        'of each record at these rates.',
    );
    expect(lines.at(-3)).toBe(
      'Cluster and generator had 0.50 of 1 processors and 1.00 of 2. For each that they had: 4000 ' +
        'and 3400 records a second (0.85 ×).',
    );
    expect(lines.at(-1)).toBe(
      'By processor time alone, all processors to themselves: 4000 and 6667 records a second (1.67 ×).',
    );
  });

  it('says when two are too few', () => {
    const lines = renderScaling([scalingCase(1, 2_000, 220, 0.5), scalingCase(2, 3_000, 270, 1)]);
    expect(lines.join()).toContain('take 1.50 × the records');
    expect(lines.join()).toContain('MISSED');
  });
});
