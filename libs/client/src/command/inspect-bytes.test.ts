/**
 * Every golden case goes through `inspect`'s own code, in this process: the verdicts and the types
 * that it finds must be those of the vectors.
 */
import { hexDecode, MosaicError, validateRecord } from '@mosaic-cluster/protocol';
import { assert, property, uint8Array } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeText } from './encoding.ts';
import { createPaint } from './paint.ts';
import { type GoldenCase, goldenCases } from '../../test/golden-cases.ts';
import { inspectBytes, type Inspection, type InspectOptions } from './inspect-bytes.ts';
import { jsonText, reportJson } from './report-json.ts';
import { reportText } from './report-text.ts';

function inspect(text: string, options: Partial<InspectOptions> = {}): Inspection | undefined {
  const decoded = decodeText(text);
  if ('message' in decoded) return undefined;
  return inspectBytes(decoded, { all: false, showSecret: false, ...options });
}

function isValid(text: string | undefined, options: Partial<InspectOptions> = {}): boolean {
  const inspection = inspect(text ?? '', options);
  return inspection !== undefined && inspection.report.fault === undefined;
}

/** Names of the cases on which `judge` and the vectors differ. */
function disagreements(
  cases: readonly GoldenCase[],
  judge: (one: GoldenCase) => boolean,
): readonly string[] {
  expect(cases.length).toBeGreaterThan(0);
  return cases.filter((one) => judge(one) !== (one.spec === 'accept')).map(({ name }) => name);
}

function typeOf(text: string | undefined): string | undefined {
  const inspection = inspect(text ?? '');
  return inspection?.certainty === 'guessed' ? 'guessed' : inspection?.report.type;
}

describe('verdicts are those of the golden vectors', () => {
  test('records', () => {
    const invalid = goldenCases('records-invalid');
    const judge = (one: GoldenCase): boolean => isValid(one.record, { as: 'record' });
    expect(disagreements(invalid, judge)).toEqual([]);
    const refused = goldenCases('records-valid').filter((one) => typeOf(one.record) !== 'record');
    expect(refused).toEqual([]);
  });

  test('filters', () => {
    const judge = (one: GoldenCase): boolean => isValid(one.filter, { as: 'filter' });
    expect(disagreements(goldenCases('filters-parse'), judge)).toEqual([]);
  });

  test('messages', () => {
    const judge = (one: GoldenCase): boolean => isValid(one.bytes, { as: 'message' });
    const cases = goldenCases('messages').filter((one) => one.spec !== undefined);
    expect(disagreements(cases, judge)).toEqual([]);
  });

  test('profiles', () => {
    const judge = (one: GoldenCase): boolean => isValid(one.record, { as: 'profile' });
    expect(disagreements(goldenCases('profile'), judge)).toEqual([]);
  });

  test('key schedules', () => {
    const wrong = goldenCases('keyschedule').filter(
      (one) => isValid(one.record, { as: 'key-schedule' }) !== one.schedule_valid,
    );
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });

  test('keys and human encodings', () => {
    const cases = goldenCases('keys');
    const keys = cases.filter((one) => one.type === 'public_key_check');
    expect(disagreements(keys, (one) => isValid(one.public, { as: 'key' }))).toEqual([]);
    const as = {
      mopub0: 'key',
      mosrv0: 'key',
      mosec0: 'secret-key',
      mocryptsec0: 'encrypted-key',
      moref0: 'reference',
      morecord0: 'record',
    } as const;
    const human = cases.filter(
      (one) => one.type === 'human_decode' && one.class !== 'decode-prefix',
    );
    const judge = (one: GoldenCase): boolean =>
      isValid(one.input, { as: as[one.kind as keyof typeof as] });
    expect(disagreements(human, judge)).toEqual([]);
  });
});

describe('records', () => {
  test('the fault is the one that the library throws, and its check is marked failed', () => {
    for (const one of goldenCases('records-invalid')) {
      const fault = inspect(one.record ?? '', { as: 'record' })?.report.fault;
      let thrown: unknown;
      try {
        validateRecord(hexDecode(one.record ?? ''));
      } catch (error) {
        thrown = error;
      }
      if (!(thrown instanceof MosaicError)) continue;
      expect(fault, one.name).toMatchObject({ step: thrown.step, range: thrown.range });
      const checks = inspect(one.record ?? '', { as: 'record' })?.report.checks ?? [];
      const failed = checks.filter(({ verdict }) => verdict === 'failed').map(({ step }) => step);
      expect(failed, one.name).toContain(thrown.step === '11' ? 'flags' : thrown.step);
      const violated = (one.all_steps ?? []).map((step) => (step === '11' ? 'flags' : step));
      for (const step of failed) expect(violated, one.name).toContain(step);
    }
  });

  test('checks of a valid record all pass', () => {
    const [one] = goldenCases('records-valid');
    const checks = inspect(one?.record ?? '')?.report.checks ?? [];
    expect(checks).toHaveLength(12);
    expect(checks.every(({ verdict }) => verdict === 'passed')).toBe(true);
  });
});

describe('types are found', () => {
  test('of records, filters, messages, keys and references', () => {
    const found = (type: string, texts: readonly (string | undefined)[]): void => {
      expect(texts.length).toBeGreaterThan(0);
      expect(texts.filter((text) => typeOf(text) !== type)).toEqual([]);
    };
    const accepted = (file: string): readonly GoldenCase[] =>
      goldenCases(file).filter((one) => one.spec === 'accept');
    found(
      'record',
      accepted('records-invalid').map((one) => one.record),
    );
    found(
      'filter',
      accepted('filters-parse').map((one) => one.filter),
    );
    found(
      'message',
      accepted('messages').map((one) => one.bytes),
    );
    const references = goldenCases('keys').filter((one) => one.type === 'reference');
    found(
      'reference',
      references.map((one) => one.bytes),
    );
    found(
      'reference',
      references.map((one) => one.moref0),
    );
  });

  test('of most damaged data, as a guess', () => {
    const guessed = (file: string, type: string, text: (one: GoldenCase) => string): number => {
      const cases = goldenCases(file).filter((one) => one.spec === 'reject');
      const right = cases.filter((one) => inspect(text(one))?.report.type === type);
      return right.length / cases.length;
    };
    expect(guessed('records-invalid', 'record', (one) => one.record ?? '')).toBeGreaterThan(0.95);
    expect(guessed('messages', 'message', (one) => one.bytes ?? '')).toBeGreaterThan(0.8);
    expect(guessed('filters-parse', 'filter', (one) => one.filter ?? '')).toBeGreaterThan(0.6);
  });
});

describe('any bytes', () => {
  const paint = createPaint(false);

  test('give a report that is text of at most 100 columns, without control characters, and JSON', () => {
    const cases = ['records-invalid', 'records-valid', 'keyschedule', 'profile'];
    const seeds = cases.flatMap((file) => goldenCases(file).map((one) => one.record ?? ''));
    const more = goldenCases('messages').map((one) => one.bytes ?? '');
    for (const hex of [...seeds, ...more]) {
      const report = inspect(hex)?.report;
      if (report === undefined) continue;
      for (const line of reportText(report, paint)) {
        expect(Array.from(line).length).toBeLessThanOrEqual(100);
        expect(line).not.toMatch(/\p{Cc}/u);
      }
      expect(JSON.parse(jsonText(reportJson(report)))).toMatchObject({ type: report.type });
    }
  });

  test('never make it throw', () => {
    assert(
      property(uint8Array({ maxLength: 400 }), (bytes) => {
        for (const as of [undefined, 'record', 'filter', 'message', 'profile'] as const) {
          const decoded = { bytes, encoding: 'binary', human: undefined } as const;
          const report = inspectBytes(decoded, { as, all: true, showSecret: false })?.report;
          if (report !== undefined) reportText(report, paint);
        }
      }),
      { numRuns: 300 },
    );
  });
});
