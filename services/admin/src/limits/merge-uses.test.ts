/** What several processes say of one budget, as one figure. */
import {
  parseBudgets,
  type ProcessReport,
  type SubjectReport,
  type Usage,
} from '@mosaic-cluster/abuse';
import { expect, it } from 'vitest';
import { mergedReport, mergedUses } from './merge-uses.ts';

function use(subject: string, used: number, more: Partial<Usage> = {}): Usage {
  return {
    subject,
    standing: 'anonymous',
    what: 'messages',
    used,
    limit: 100,
    ratePerSecond: 1,
    ...more,
  };
}

const NOTHING: ProcessReport = {
  process: { service: 'gateway', version: '1', host: 'here', pid: 1, startedAtMs: 0 },
  rules: {},
  budgets: parseBudgets(''),
  users: { count: 0, digest: '', known: [] },
  limiter: null,
};

function report(limiter: Partial<NonNullable<ProcessReport['limiter']>>): ProcessReport {
  const alone = { isShared: true, fault: null, busiest: [], subjects: [] };
  return { ...NOTHING, limiter: { ...alone, ...limiter } };
}

const merged = (reports: readonly ProcessReport[], count = 10): unknown[] =>
  mergedUses(reports, count).map(({ subject, standing, used }) => [subject, standing, used]);

it('takes the largest of those that count together, and adds up those that count alone', () => {
  const together = [
    report({ busiest: [use('a:1', 40), use('a:2', 10)] }),
    report({ busiest: [use('a:1', 42)] }),
  ];
  expect(merged(together)).toEqual([
    ['a:1', 'anonymous', 42],
    ['a:2', 'anonymous', 10],
  ]);
  const away = report({ fault: 'Redis is away', busiest: [use('a:1', 7), use('a:2', 35)] });
  const never = report({ isShared: false, busiest: [use('a:2', 5)] });
  expect(merged([...together, away, never, NOTHING])).toEqual([
    ['a:2', 'anonymous', 50],
    ['a:1', 'anonymous', 49],
  ]);
});

it('keeps purses apart, and goes by the share of the limit', () => {
  const uses = [
    use('k:1', 90, { limit: 1000 }),
    use('k:1', 20, { standing: 'registered' }),
    use('k:2', 30),
  ];
  expect(merged([report({ busiest: uses })], 2)).toEqual([
    ['k:2', 'anonymous', 30],
    ['k:1', 'registered', 20],
  ]);
});

it('says of a subject what all know', () => {
  const known = (used: number, points: number, word: string): SubjectReport => {
    const refused = new Map([[word, 2]]);
    return { usage: [use('a:1', used)], points, ban: undefined, refused };
  };
  const ban = { subject: 'a:1', untilMs: 5, count: 1 };
  const reports = [
    report({ subjects: [['a:1', known(10, 4, 'messages')]] }),
    report({ fault: 'away', subjects: [['a:1', { ...known(1, 2, 'messages'), ban }]] }),
    report({ fault: 'away', subjects: [['a:1', known(2, 1, 'bytes')]] }),
  ];
  expect(mergedReport(reports, 'a:1')).toMatchObject({
    usage: [{ used: 13 }],
    points: 7,
    ban,
    refused: new Map([
      ['messages', 4],
      ['bytes', 2],
    ]),
  });
});
