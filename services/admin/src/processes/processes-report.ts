/** Says which processes serve and what they go by: for people, or as JSON. */
import type { ProcessReport } from '@mosaic-cluster/abuse';
import { count, type Json, type Paint, safeText } from '@mosaic-cluster/client/command';
import { formatDurationMs } from '@mosaic-cluster/runtime';
import { type Difference, differenceText } from './compare-processes.ts';

/** The processes of one service, for people: each on a line, then what most of them go by. */
export function serviceText(
  reports: readonly ProcessReport[],
  nowMs: number,
  paint: Paint,
): string {
  const rules = usualRules(reports);
  const width = Math.max(...rules.map(([name]) => name.length));
  const lines = [
    paint.bold(`${safeText(reports[0]!.process.service)} (${reports.length})`),
    ...reports.map((report) => `  ${processLine(report, nowMs)}`),
    ...rules.map(([name, value]) => `    ${safeText(name).padEnd(width)}  ${safeText(value)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function processLine({ process, limiter }: ProcessReport, nowMs: number): string {
  const { service, host, pid, version, startedAtMs } = process;
  const upMs = Math.max(0, Math.trunc((nowMs - startedAtMs) / 1_000) * 1_000);
  const said = [`${host}, process ${pid}`, version, `up for ${formatDurationMs(upMs)}`];
  if (limiter === null) said.push('keeps no budgets');
  else if (limiter.fault !== null) said.push(limiter.fault);
  else if (!limiter.isShared && service === 'gateway') {
    said.push('counts for itself, for MOSAIC_REDIS_URLS is not set');
  }
  return safeText(said.join(', '));
}

/** The most frequent value of each rule. */
function usualRules(reports: readonly ProcessReport[]): [name: string, value: string][] {
  const names = new Set(reports.flatMap(({ rules }) => Object.keys(rules)));
  const rules = [...names].map((name): [string, string] => {
    const values = reports.flatMap((report) => report.rules[name] ?? []);
    return [name, mostFrequent(values)];
  });
  const users = reports.map(({ users: { count: n } }) => (n === 0 ? 'none' : count(n, 'user')));
  return [...rules, ['MOSAIC_USERS', mostFrequent(users)]];
}

function mostFrequent(values: readonly string[]): string {
  const times = (value: string): number => values.filter((each) => each === value).length;
  return values.reduce((best, each) => (times(each) > times(best) ? each : best));
}

/** For programs. */
export function processJson(report: ProcessReport): Json {
  const { process, rules, users, limiter } = report;
  return {
    ...process,
    startedAt: new Date(process.startedAtMs).toISOString(),
    rules: { ...rules },
    users: { count: users.count, digest: users.digest },
    limiter: limiter === null ? null : { shared: limiter.isShared, fault: limiter.fault },
  };
}

/** Where processes differ, for people. */
export function differencesText(found: readonly Difference[], paint: Paint): string {
  return found
    .map((each) => `${paint.bold('differs:')} ${safeText(differenceText(each))}\n`)
    .join('');
}

/** Where processes differ, for programs. */
export function differencesJson(found: readonly Difference[]): Json {
  return found.map(({ name, among, values }) => {
    const told = values.map(({ value, processes }) => ({ value, processes: [...processes] }));
    return { name, among, values: told };
  });
}
