/** Protects what people decide by: the table's figures, and whether an aim is called reached. */
import { describe, expect, it } from 'vitest';
import { medianOf, type ScenarioResult } from '../measure.ts';
import type { Figures } from '../scenario.ts';
import { SCENARIOS } from '../scenarios/index.ts';
import { formatNumber, renderTable } from './table.ts';
import { judge } from './yardsticks.ts';

function result(name: string, figures: Figures | undefined, error?: string): ScenarioResult {
  const scenario = SCENARIOS.find((each) => each.name === name)!;
  return { scenario, figures, runs: [], ...(error !== undefined && { error }) };
}

describe('judge', () => {
  it('holds ingest to a signature check of this machine and 50 µs', () => {
    const figures = { operations: 1, cpuMicrosEach: 140 };
    expect(judge('ingest', figures, 90)).toEqual([
      { figure: 'cpuMicrosEach', max: 140, isReached: true },
    ]);
    expect(judge('ingest', figures, 89)[0]?.isReached).toBe(false);
  });

  it('does not call reached what is not known', () => {
    expect(judge('query-tag', { operations: 1, perSecond: 9 }, 90)[0]?.isReached).toBeUndefined();
    expect(judge('query-tag', undefined, 90)[0]?.isReached).toBeUndefined();
  });
});

describe('renderTable', () => {
  it('shows figures, aims and peers side by side', () => {
    const figures = { operations: 5, perSecond: 4_321.2, p50Ms: 1.234, cpuMicrosEach: 121 };
    const lines = renderTable([result('query-author', figures), result('idle', undefined)], 90);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^scenario +per second +p50 ms .*strfry +chorus/);
    expect(lines[1]).toMatch(/^query-author +4321 +1\.23 +121 +≤ 120 µs: MISSED +CPU µs +182/);
    expect(lines[2]).toMatch(/^idle +≤ 10\.0 KB +KB +82 +141 +17 +~154$/);
  });

  it('calls a scenario failed that is', () => {
    const figures = { operations: 5, cpuMicrosEach: 3 };
    const [, line] = renderTable([result('query-tag', figures, 'an answer is wrong')], 90);
    expect(line).toContain('FAILED');
    expect(line).not.toContain('reached');
  });

  it('marks what is added as added', () => {
    const [, line] = renderTable([result('selective', { operations: 5, cpuMicrosEach: 7 })], 90);
    expect(line).toContain('+7.00');
  });
});

describe('medianOf', () => {
  it('takes each figure by itself', () => {
    const runs: Figures[] = [
      { operations: 10, p50Ms: 3, cpuMicrosEach: 1 },
      { operations: 10, p50Ms: 1, cpuMicrosEach: 5 },
      { operations: 10, p50Ms: 2, cpuMicrosEach: 9 },
    ];
    expect(medianOf(runs)).toEqual({ operations: 10, p50Ms: 2, cpuMicrosEach: 5 });
    expect(medianOf(runs.slice(0, 2))).toEqual({ operations: 10, p50Ms: 2, cpuMicrosEach: 3 });
  });
});

describe('formatNumber', () => {
  it.each([
    [undefined, ''],
    [0, '0.00'],
    [5.257, '5.26'],
    [52.57, '52.6'],
    [99.96, '100'],
    [5_257.3, '5257'],
  ])('%j → %s', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });
});
