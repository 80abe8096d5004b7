/** Says who is banned or allowed: for people, or as JSON. */
import { type BanFact, type EarnedBan, formatBanSubject } from '@mosaic-cluster/abuse';
import { type Json, safeText } from '@mosaic-cluster/client/command';
import type { Asked } from '../limits/asked-limiter.ts';
import { earnedJson, earnedLine } from '../limits/limits-report.ts';

/** One on a line. */
export function banLine({ subject, untilMs, reason, addedBy }: BanFact, nowMs: number): string {
  const end = untilMs === undefined ? 'for good' : `until ${new Date(untilMs).toISOString()}`;
  const ended = isOver(untilMs, nowMs) ? ' (over)' : '';
  const by = addedBy === '' ? '' : ` by ${safeText(addedBy)}`;
  const why = reason === '' ? '' : `  ${safeText(reason)}`;
  return `${formatBanSubject(subject)}  ${end}${ended}${by}${why}\n`;
}

/** One for programs. */
export function banJson(
  { subject, untilMs, reason, addedBy, changedAtMs }: BanFact,
  nowMs: number,
): Json {
  return {
    subject: formatBanSubject(subject),
    until: untilMs === undefined ? null : new Date(untilMs).toISOString(),
    inForce: !isOver(untilMs, nowMs),
    reason,
    addedBy,
    changedAt: new Date(changedAtMs).toISOString(),
  };
}

function isOver(untilMs: number | undefined, nowMs: number): boolean {
  return untilMs !== undefined && untilMs <= nowMs;
}

/** Bans that misbehaviour earned, for people. */
export function earnedText(earned: Asked<readonly EarnedBan[]>): string {
  if ('why' in earned) return `earned bans are not known: ${earned.why}\n`;
  return earned.told.map((ban) => `${earnedLine(ban)}\n`).join('');
}

/** Bans that misbehaviour earned, for programs. */
export function earnedFields(earned: Asked<readonly EarnedBan[]>): Readonly<Record<string, Json>> {
  if ('why' in earned) return { earned: null, earnedFault: earned.why };
  return { earned: earned.told.map(earnedJson), earnedFault: null };
}
