/** Says what compaction did, or would do: for people, or as one JSON object. */
import { count } from '@mosaic-cluster/client/command';
import type { CompactedRole } from '@mosaic-cluster/role';
import { size } from '../output/progress.ts';
import { LIST_PRICES } from '../plan/measured.ts';

/** What a report is about. */
export interface CompactReport {
  readonly name: string;
  readonly isDryRun: boolean;
  readonly roles: Readonly<Record<string, CompactedRole>>;
  /** Roles for which nothing could be done. */
  readonly skipped: number;
}

/** As one line of JSON. */
export function compactedJson({ name, isDryRun, roles }: CompactReport): string {
  return `${JSON.stringify({ type: 'compaction', of: name, dryRun: isDryRun, roles })}\n`;
}

/** For people. */
export function compactedText({ name, isDryRun, roles, skipped }: CompactReport): string {
  const lines: string[] = [];
  for (const [role, each] of Object.entries(roles)) {
    lines.push(role, ...roleLines(each, isDryRun), '');
  }
  if (lines.length === 0) {
    lines.push(skipped > 0 ? 'Nothing was done.' : `${name} keeps no records yet`, '');
  }
  if (isDryRun) lines.push('Nothing was changed.');
  return `${lines.join('\n').trimEnd()}\n`;
}

function roleLines(role: CompactedRole, isDryRun: boolean): string[] {
  const { sizes, leftOut, requests } = role;
  const would = isDryRun ? 'would be ' : '';
  const written = isDryRun
    ? `into ${n(role.runs)}`
    : `into ${n(role.runs)} of ${size(role.writtenBytes)}`;
  const left = `${count(leftOut.removed, 'removed record')} and ${n(leftOut.replaced)} replaced, ${size(role.leftOutBytes)}`;
  const lines = [
    `  segments  ${n(role.segments)}, ${size(role.bytes)}: ${n(sizes.tiny)} up to 64 KiB, ${n(sizes.small)} up to 1 MiB, ${n(sizes.medium)} more to join, ${n(sizes.large)} large`,
    `  joined    ${count(role.joined, 'segment')} of ${size(role.joinedBytes)} ${would}${written}`,
  ];
  if (!isDryRun) lines.push(`  left out  ${left}${role.isSwept ? ', all segments were read' : ''}`);
  lines.push(
    `  deleted   ${would}${count(role.deleted, 'segment')} of ${size(role.deletedBytes)}, joined before`,
  );
  if (role.waiting > 0) lines.push(`  waiting   ${count(role.waiting, 'segment')} to be deleted`);
  if (role.wanted > 0)
    lines.push(`  kept      ${n(role.wanted)}: a record in them is wanted again`);
  if (role.contended > 0) lines.push(`  elsewhere ${n(role.contended)} being joined by others`);
  if (role.abandoned > 0)
    lines.push(`  undone    ${n(role.abandoned)} that a crash left unfinished`);
  if (role.isCutShort) lines.push('  cut short the time was up; the next run goes on');
  lines.push(
    `  requests  ${n(requests.put)} PUT, ${n(requests.list)} LIST, ${n(requests.get)} GET: ${cost(requests)} at list prices`,
  );
  for (const what of role.damaged) lines.push(`  damaged   ${what}`);
  return lines;
}

function cost({ put, list, get }: CompactedRole['requests']): string {
  const sum = ((put + list) * LIST_PRICES.thousandPuts + get * LIST_PRICES.thousandGets) / 1000;
  return sum.toFixed(2);
}

function n(number: number): string {
  return number.toLocaleString('en-US');
}
