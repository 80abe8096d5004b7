/** What is joined with what: every byte a few times at most, and nothing that has no room for its name. */
import { describe, expect, it } from 'vitest';
import type { ListedSegment } from '../segment-log-objects-scan.ts';
import { compareKeys } from '../segment-log-objects-scan.ts';
import { type PlannedRun, RunPlanner } from './plan-runs.ts';

const BOUNDS = { bytesMax: 1000, sourcesMin: 4, sourcesMax: 20 };

function segment(timeMs: number, bytes: number, writer = 5): ListedSegment {
  return { key: { timeMs, writer }, name: `${timeMs}-${writer}`, bytes };
}

function planned(segments: readonly ListedSegment[]): PlannedRun[] {
  const planner = new RunPlanner(BOUNDS);
  const runs: PlannedRun[] = [];
  for (const each of segments) {
    if (planner.endsBefore(each)) runs.push(...planner.end(each.key));
    planner.take(each);
  }
  return [...runs, ...planner.end(undefined)];
}

/** The sizes of each run. */
function sizes(segments: readonly ListedSegment[]): number[][] {
  return planned(segments).map(({ sources }) => sources.map(({ bytes }) => bytes));
}

function ofSizes(...bytes: number[]): ListedSegment[] {
  return bytes.map((each, i) => segment(i, each));
}

describe('runs of segments', () => {
  it('are of neighbours, as large as allowed, and leave out what is large', () => {
    expect(sizes(ofSizes(10, 10, 10))).toEqual([]);
    expect(sizes(ofSizes(10, 10, 10, 10))).toEqual([[10, 10, 10, 10]]);
    expect(sizes(ofSizes(10, 10, 600, 10, 10))).toEqual([]);
    const many = ofSizes(...Array.from({ length: 45 }, () => 10));
    expect(sizes(many).map(({ length }) => length)).toEqual([20, 20, 5]);
    expect(sizes(ofSizes(300, 300, 300, 300, 300, 300, 300))).toEqual([]);
    expect(sizes(ofSizes(240, 240, 240, 240, 240))).toEqual([[240, 240, 240, 240]]);
  });

  it('do not write a large part again for a few small ones', () => {
    expect(sizes(ofSizes(400, 10, 10, 10, 10, 10))).toEqual([[10, 10, 10, 10, 10]]);
    expect(sizes(ofSizes(10, 10, 10, 10, 400, 1, 1, 1, 1, 1))).toEqual([
      [10, 10, 10, 10],
      [1, 1, 1, 1, 1],
    ]);
    expect(sizes(ofSizes(100, 50, 25, 25))).toEqual([[100, 50, 25, 25]]);
  });

  it('have names behind all of their parts and before what follows', () => {
    const last = 0xffff_ffff;
    const cases = [
      ofSizes(10, 10, 10, 10, 10),
      [...ofSizes(10, 10, 10, 10), segment(4, 10, 7), segment(4, 900, 8)],
      [...ofSizes(10, 10, 10, 10), segment(4, 10, last), segment(5, 900)],
      [...ofSizes(10, 10, 10), segment(3, 10, last), segment(3, 900, last)],
    ];
    const joined = cases.map((each) => planned(each).map(({ sources }) => sources.length));
    expect(joined).toEqual([[5], [4], [4], []]);
    for (const segments of cases) {
      for (const { sources, key } of planned(segments)) {
        const end = sources.at(-1)!;
        expect(compareKeys(key, end.key)).toBeGreaterThan(0);
        const next = segments[segments.indexOf(end) + 1];
        if (next !== undefined) expect(compareKeys(key, next.key)).toBeLessThan(0);
      }
    }
  });

  it('write each byte again a few times, however many small segments come', () => {
    let segments: ListedSegment[] = [];
    let written = 0;
    let came = 0;
    for (let round = 0; round < 60; round++) {
      for (let i = 0; i < 8; i++) segments.push(segment((came += 1), 1));
      for (const { sources, key } of planned(segments)) {
        const bytes = sources.reduce((sum, each) => sum + each.bytes, 0);
        written += bytes;
        const rest = segments.filter((each) => !sources.includes(each));
        segments = [...rest, { key, name: '', bytes }].toSorted((a, b) =>
          compareKeys(a.key, b.key),
        );
      }
    }
    expect(segments.length).toBeLessThan(20);
    expect(written / came).toBeLessThan(6);
  });
});
