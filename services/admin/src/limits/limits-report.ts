/** Says what budgets there are and what is used of them: for people, or as JSON. */
import { type EarnedBan, shareOf, type SubjectReport, type Usage } from '@mosaic-cluster/abuse';
import { type Json, safeText } from '@mosaic-cluster/client/command';
import type { Limit } from './budget-lines.ts';
import { shownSubject } from './subject-names.ts';

/** A use on a line. */
export function usageLine({ what, used, limit, ratePerSecond }: Usage): string {
  if (limit === Number.POSITIVE_INFINITY) return `${what.padEnd(13)} ${whole(used)}, not limited`;
  const share = `${Math.round((100 * used) / limit)} %`;
  const back = ratePerSecond === undefined ? 'at a time' : `and ${whole(ratePerSecond)} a second`;
  return `${what.padEnd(13)} ${whole(used)} of ${whole(limit)} (${share}) ${back}`;
}

/** A use on a line, with whose it is. */
export function useLine(usage: Usage): string {
  return `${shownSubject(usage.subject)} (${usage.standing})  ${usageLine(usage)}`;
}

/** A budget on a line, whoever uses it. */
export function limitLine({ what, limit, ratePerSecond }: Limit): string {
  if (limit === Number.POSITIVE_INFINITY) return `${what.padEnd(13)} not limited`;
  const back = ratePerSecond === undefined ? 'at a time' : `and ${whole(ratePerSecond)} a second`;
  return `${what.padEnd(13)} ${whole(limit)} ${back}`;
}

/** A budget for programs; what is not limited is null. */
export function limitJson({ what, limit, ratePerSecond }: Limit): Json {
  const perSecond = ratePerSecond === undefined ? null : finite(ratePerSecond);
  return { what, limit: finite(limit), perSecond };
}

/** A use for programs; what is not limited is null. */
export function usageJson(usage: Usage): Json {
  const { subject, standing, what, used, limit, ratePerSecond } = usage;
  return {
    subject: shownSubject(subject),
    standing,
    what,
    used: Math.round(used),
    limit: finite(limit),
    share: Math.round(1_000 * shareOf(usage)) / 1_000,
    perSecond: ratePerSecond === undefined ? null : finite(ratePerSecond),
  };
}

/** An earned ban on a line. */
export function earnedLine({ subject, untilMs, count }: EarnedBan): string {
  const times = count === 1 ? '' : `, number ${count} lately`;
  return `${shownSubject(subject)}  until ${isoOf(untilMs)}, earned by misbehaviour${times}`;
}

/** An earned ban for programs. */
export function earnedJson({ subject, untilMs, count }: EarnedBan): Json {
  return { subject: shownSubject(subject), until: isoOf(untilMs), count };
}

/** What is known of a subject, for people. */
export function reportLines({ usage, points, ban, refused }: SubjectReport): string[] {
  const lines = usage.map(usageLine);
  if (points >= 1) lines.push(`penalty points ${whole(points)}`);
  if (ban !== undefined) lines.push(`banned: ${earnedLine(ban)}`);
  const words = [...refused].map(([word, count]) => `${safeText(word)} ${whole(count)}`);
  if (words.length > 0) lines.push(`refused or punished lately: ${words.join(', ')}`);
  return lines;
}

/** What is known of a subject, for programs. */
export function reportJson({
  usage,
  points,
  ban,
  refused,
}: SubjectReport): Readonly<Record<string, Json>> {
  return {
    usage: usage.map(usageJson),
    points: Math.round(points),
    ban: ban === undefined ? null : earnedJson(ban),
    refused: Object.fromEntries(refused),
  };
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString();
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
