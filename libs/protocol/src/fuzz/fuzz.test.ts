/** A short run of the fuzzer finds nothing, and the fuzzer is one that finds things. */
import { describe, expect, test } from 'vitest';
import { invalid, MosaicError } from '../error.ts';
import { readVectorFiles } from '../../testing/vector-files.ts';
import { fuzzInput, fuzzTargets, runFuzz } from './index.ts';
import { Random } from './random.ts';
import { FuzzFailure, type FuzzTarget } from './target.ts';

const targets = fuzzTargets(readVectorFiles());
const now = (): number => performance.now();

/** A target whose parser does what `run` says. */
function planted(run: FuzzTarget['run']): FuzzTarget {
  return { name: 'planted', generate: (random) => random.bytes(4), run };
}

describe('a short run', () => {
  test.each(targets.map((target) => [target.name, target] as const))('%s', (_, target) => {
    const report = runFuzz(target, { seed: 1, runs: 3000, now });
    expect(report.findings).toEqual([]);
    expect(report.runs).toBe(3000);
    expect(report.accepted).toBeGreaterThan(60);
    expect(report.accepted).toBeLessThan(2900);
  });
});

describe('the fuzzer finds', () => {
  test('an error that is no MosaicError', () => {
    const target = planted((input) => {
      if (input[0] === 7) throw new RangeError('out of bounds');
      return true;
    });
    const { findings } = runFuzz(target, { seed: 1, runs: 5000, now });
    expect(findings.length).toBeGreaterThan(0);
    expect(findings[0]?.why).toContain('RangeError: out of bounds');
    expect(fuzzInput(target, 1, findings[0]?.index ?? -1)[0]).toBe(7);
  });

  test('what cannot be encoded again, and a bug that the library admits', () => {
    const broken = planted(() => {
      throw new FuzzFailure('other bytes');
    });
    const buggy = planted(() => {
      throw new MosaicError('internal', 'bug', 'cannot be');
    });
    expect(runFuzz(broken, { seed: 1, runs: 100, now }).findings).toHaveLength(10);
    expect(runFuzz(buggy, { seed: 1, runs: 100, now }).findings).toHaveLength(10);
  });

  test('an input that takes too long', () => {
    let clockMs = 0;
    const slow = planted((input) => {
      clockMs += input[0] === 9 ? 5000 : 1;
      return true;
    });
    const { findings } = runFuzz(slow, { seed: 1, runs: 3000, now: () => clockMs });
    expect(findings[0]?.why).toBe('took 5000 ms');
  });

  test('nothing in a parser that refuses', () => {
    const strict = planted(() => {
      throw invalid('code', 'no', 0, 1);
    });
    const report = runFuzz(strict, { seed: 1, runs: 500, now });
    expect(report).toMatchObject({ runs: 500, accepted: 0, findings: [] });
  });
});

test('the deadline ends a run, and every input is announced', () => {
  let clockMs = 0;
  const announced: number[] = [];
  const report = runFuzz(
    planted(() => true),
    {
      seed: 1,
      runs: 100,
      first: 40,
      now: () => clockMs++,
      deadlineMs: 20,
      onInput: (index) => announced.push(index),
    },
  );
  expect(report.runs).toBeLessThan(30);
  expect(announced).toEqual(Array.from({ length: report.runs }, (_, i) => 40 + i));
});

test('the same three numbers give the same sequence, others another', () => {
  const sequence = (...numbers: [number, number, number]): number[] => {
    const random = new Random(...numbers);
    return Array.from({ length: 20 }, () => random.u32());
  };
  expect(sequence(1, 2, 3)).toEqual(sequence(1, 2, 3));
  for (const other of [sequence(2, 2, 3), sequence(1, 3, 3), sequence(1, 2, 4)]) {
    expect(other).not.toEqual(sequence(1, 2, 3));
  }
});
