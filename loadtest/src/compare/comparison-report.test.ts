/** Protects what a comparison says: what counts, against what, and whether the aims are reached. */
import { describe, expect, it } from 'vitest';
import { SCENARIOS } from '../scenarios/index.ts';
import type { Comparison, SystemFigures } from './compare.ts';
import { comparisonJson, renderComparison } from './comparison-report.ts';

function system(
  name: string,
  perSecond: number,
  cpuMicrosEach: number,
  cpuMicrosBy: Readonly<Record<string, number>> = {},
): SystemFigures {
  return {
    system: name,
    figures: { operations: 10, perSecond, cpuMicrosEach },
    cpuMicrosBy,
    runs: [],
  };
}

function comparison(name: string, ...systems: SystemFigures[]): Comparison {
  return { scenario: SCENARIOS.find((each) => each.name === name)!, systems };
}

const EMBEDDED = system('embedded', 3000, 200);
const ONE = system('cluster, 1 worker', 1000, 460, { outbox: 300, Redis: 90, S3: 70 });
const TWO = system('cluster, 2 workers', 1500, 480, { outbox: 300, Redis: 110, S3: 70 });
const idling = [{ system: 'embedded', cpuMicrosPerSecond: 8_000 }];

describe('renderComparison', () => {
  it('shows each kind of process, and counts all but the S3 server', () => {
    const lines = renderComparison({ comparisons: [comparison('ingest', EMBEDDED, ONE)], idling });
    expect(lines).toEqual([
      'ingest: 16 connections, 32 in flight each, per record',
      '                   per second  p50 ms  CPU µs each  × embedded  outbox  Redis    S3',
      'embedded                 3000                  200        1.00',
      'cluster, 1 worker        1000                  390        1.95     300   90.0  70.0',
      'aim, cluster, 1 worker: ≤ 2 × embedded: reached',
      '',
      'With nothing to do, ms of processor time a second: embedded 8.00.',
    ]);
  });

  it('says which aims are missed, how workers add up included', () => {
    const dear = system('cluster, 1 worker', 1000, 500, { outbox: 410, Redis: 90, S3: 0 });
    const text = (...systems: SystemFigures[]): string =>
      renderComparison({
        comparisons: [comparison('ingest', EMBEDDED, ...systems)],
        idling,
      }).join();
    expect(text(dear)).toContain('aim, cluster, 1 worker: ≤ 2 × embedded: MISSED');
    expect(text(ONE, TWO)).toMatch(
      /cluster, 2 workers takes 1.50 × the records of cluster, 1 worker; .* ≥ 1.6: MISSED/,
    );
  });

  it('holds nothing but ingest to them', () => {
    const comparisons = [comparison('fan-out', EMBEDDED, system('cluster', 10, 9999, { S3: 1 }))];
    expect(renderComparison({ comparisons, idling }).join()).not.toContain('aim');
  });
});

it('comparisonJson has the ratio as well', () => {
  const json = comparisonJson({ comparisons: [comparison('ingest', EMBEDDED, ONE)], idling });
  expect(json).toMatchObject({
    idling,
    scenarios: [
      {
        name: 'ingest',
        systems: [{ timesEmbedded: 1 }, { cpuMicrosWithoutS3: 390, timesEmbedded: 1.95 }],
      },
    ],
  });
});
