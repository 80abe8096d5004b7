/** Says what is known of a key or an address: for people, or as JSON. */
import { formatBanSubject } from '@mosaic-cluster/abuse';
import { type Json, type Paint, safeText } from '@mosaic-cluster/client/command';
import { encodeUserKey, hexEncode, type KeyScheduleEntry } from '@mosaic-cluster/protocol';
import { banJson, banLine } from '../bans/bans-report.ts';
import { reportJson, reportLines } from '../limits/limits-report.ts';
import { shownSubject } from '../limits/subject-names.ts';
import { heldJson, heldLine, rulesHereText, userJson } from '../users/users-report.ts';
import type { KeyFacts, WhoIs } from './whois.ts';

/** For people. */
export function whoIsText(who: WhoIs, nowMs: number, paint: Paint): string {
  const { subject, standing, bans, allowed, key, rulesFault, limits } = who;
  const lines = [paint.bold(`${formatBanSubject(subject)} (${standing})`)];
  if (key !== undefined) lines.push(...keyLines(key));
  if (key !== undefined && rulesFault !== undefined) lines.push(`  ${rulesHereText(rulesFault)}`);
  if (bans.length === 0) lines.push('  no operator has banned it');
  for (const ban of bans) lines.push(`  banned   ${banLine(ban, nowMs).trimEnd()}`);
  for (const each of allowed) lines.push(`  allowed  ${banLine(each, nowMs).trimEnd()}`);
  if ('why' in limits) lines.push(`  what it uses is not known: ${limits.why}`);
  for (const [name, report] of 'why' in limits ? [] : limits.told) {
    lines.push(`  ${shownSubject(name)}`, ...reportLines(report).map((line) => `    ${line}`));
  }
  return `${lines.join('\n')}\n`;
}

function keyLines(facts: KeyFacts): string[] {
  const { registered, isAlwaysUser, masters, schedule, scheduleFault, held } = facts;
  const lines: string[] = [];
  if (isAlwaysUser) lines.push('  registered by MOSAIC_USERS');
  if (registered !== undefined) {
    const { note, addedBy, changedAtMs } = registered;
    const by = addedBy === '' ? '' : ` by ${safeText(addedBy)}`;
    const text = note === '' ? '' : `: ${safeText(note)}`;
    lines.push(`  registered ${new Date(changedAtMs).toISOString()}${by}${text}`);
  } else if (!isAlwaysUser) lines.push('  not registered itself');
  for (const master of masters) lines.push(`  acts for ${encodeUserKey(master)}`);
  if (scheduleFault !== undefined) lines.push(`  its key schedule is not known: ${scheduleFault}`);
  else if (schedule === undefined) lines.push('  has no key schedule here');
  for (const entry of schedule ?? []) lines.push(`  ${entryLine(entry)}`);
  lines.push(...held.map(heldLine));
  return lines;
}

function entryLine(entry: KeyScheduleEntry): string {
  const { kind, marker } = entry;
  const words = marker.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return `${kind === 'subkey' ? 'subkey' : 'encryption key'} ${shownKey(entry)}: ${words}`;
}

function shownKey({ key, algorithm, kind }: KeyScheduleEntry): string {
  return kind === 'subkey' && algorithm === 'curve25519' ? encodeUserKey(key) : hexEncode(key);
}

/** For programs. */
export function whoIsJson(who: WhoIs, nowMs: number): Readonly<Record<string, Json>> {
  const { subject, standing, bans, allowed, key, rulesFault, limits } = who;
  const known = 'why' in limits ? [] : limits.told;
  return {
    subject: formatBanSubject(subject),
    standing,
    key: key === undefined ? null : keyJson(key),
    bans: bans.map((ban) => banJson(ban, nowMs)),
    allowed: allowed.map((each) => banJson(each, nowMs)),
    limits: known.map(([name, report]) => ({ of: shownSubject(name), ...reportJson(report) })),
    rulesFault: rulesFault ?? null,
    limitsFault: 'why' in limits ? limits.why : null,
  };
}

function keyJson(facts: KeyFacts): Json {
  const { registered, isAlwaysUser, masters, schedule, scheduleFault, held } = facts;
  const entries = schedule?.map((entry) => {
    return { kind: entry.kind, marker: entry.marker, key: shownKey(entry) };
  });
  return {
    registered: registered === undefined ? null : userJson(registered),
    bySetting: isAlwaysUser,
    masters: masters.map((master) => encodeUserKey(master)),
    schedule: entries ?? null,
    scheduleFault: scheduleFault ?? null,
    held: heldJson(held),
  };
}
