/**
 * What several processes told of one budget, as one: those that count together know of one another, so
 * the largest figure is the newest; whoever counts alone knows of its own only, and all of these add up.
 */
import {
  type EarnedBan,
  type LimiterReport,
  type ProcessReport,
  shareOf,
  type SubjectName,
  type SubjectReport,
  type Usage,
} from '@mosaic-cluster/abuse';

interface Sum {
  readonly usage: Usage;
  together: number;
  alone: number;
}

/** The uses that come nearest to a limit, over all processes; nearest first. */
export function mergedUses(reports: readonly ProcessReport[], count: number): Usage[] {
  const sums = new Map<string, Sum>();
  for (const { limiter } of reports) {
    for (const usage of limiter?.busiest ?? []) addTo(sums, usage, isAlone(limiter!));
  }
  return totals(sums)
    .toSorted((a, b) => shareOf(b) - shareOf(a))
    .slice(0, count);
}

/** What all processes know of a subject. */
export function mergedReport(
  reports: readonly ProcessReport[],
  subject: SubjectName,
): SubjectReport {
  const sums = new Map<string, Sum>();
  const refused = new Map<string, number>();
  let [together, alone] = [0, 0];
  let ban: EarnedBan | undefined;
  for (const { limiter } of reports) {
    const report = limiter?.subjects.find(([name]) => name === subject)?.[1];
    if (report === undefined) continue;
    const counts = isAlone(limiter!);
    for (const usage of report.usage) addTo(sums, usage, counts);
    if (counts) alone += report.points;
    else together = Math.max(together, report.points);
    if ((report.ban?.untilMs ?? 0) > (ban?.untilMs ?? 0)) ban = report.ban;
    for (const [word, times] of report.refused) refused.set(word, (refused.get(word) ?? 0) + times);
  }
  return { usage: totals(sums), points: together + alone, ban, refused };
}

function isAlone({ isShared, fault }: LimiterReport): boolean {
  return !isShared || fault !== null;
}

function addTo(sums: Map<string, Sum>, usage: Usage, counts: boolean): void {
  const { subject, standing, what, used } = usage;
  const name = `${subject} ${standing} ${what}`;
  const sum = sums.get(name) ?? { usage, together: 0, alone: 0 };
  sums.set(name, sum);
  if (counts) sum.alone += used;
  else sum.together = Math.max(sum.together, used);
}

function totals(sums: ReadonlyMap<string, Sum>): Usage[] {
  return Array.from(sums.values(), ({ usage, together, alone }) => {
    return { ...usage, used: together + alone };
  });
}
