/** Says what making an index anew did, or would do: for people, or as one JSON object. */
import { count } from '@mosaic-cluster/client/command';
import { duration, size } from '../output/progress.ts';
import type { Estimate } from './estimate.ts';
import type { Reindexed } from './reindex-result.ts';

/** What a report is about. */
export interface Subject {
  /** A path, or where the object store is. */
  readonly name: string;
  /** The server that goes on with the old index until its next start. */
  readonly holder?: string | undefined;
  readonly isCluster: boolean;
}

/** What would become of a role; of a cluster's also how many entries lead nowhere. */
export type RoleEstimate = Estimate & { readonly dangling?: number };

/** What would be done, as one line of JSON. */
export function estimateJson(
  { name, holder, isCluster }: Subject,
  roles: Readonly<Record<string, RoleEstimate>>,
): string {
  const served = isCluster || holder !== undefined;
  return `${JSON.stringify({ type: 'reindex-estimate', of: name, served, roles })}\n`;
}

/** What would be done, for people. */
export function estimateText(
  subject: Subject,
  roles: Readonly<Record<string, RoleEstimate>>,
): string {
  const lines: string[] = [];
  let seconds = 0;
  let bytes = 0;
  for (const [role, each] of Object.entries(roles)) {
    seconds += each.seconds;
    bytes += each.indexBytes;
    const records = `${each.isCounted ? '' : 'some '}${count(each.records, 'record')}`;
    const space = subject.isCluster ? '' : `, ${size(each.indexBytes)} of index`;
    const about = `about ${duration(each.seconds)}${space}`;
    lines.push(`${role}: ${records} in ${count(each.segments, 'segment')}, ${about}`);
    const { dangling = 0 } = each;
    if (dangling > 0) lines.push(`${role}: ${leadingNowhere(dangling)} would be taken out`);
  }
  if (lines.length === 0) lines.push('there are no segments yet');
  return [...lines, ...consequences(subject, seconds, bytes), 'Nothing was changed.', ''].join(
    '\n',
  );
}

function leadingNowhere(entries: number): string {
  const n = entries.toLocaleString('en-US');
  return entries === 1 ? '1 entry that led nowhere' : `${n} entries that led nowhere`;
}

function consequences({ holder, isCluster }: Subject, seconds: number, bytes: number): string[] {
  const took = `In all about ${duration(seconds)}`;
  if (isCluster) {
    return [
      `${took} for reading and working out; Redis and the network add to it, often twice as much.`,
      'All workers would go on serving; one run at a time would do it.',
    ];
  }
  return [
    `${took} and ${size(bytes)} beside the index that is there.`,
    holder === undefined
      ? 'It would then be put in place; no server can be started until then.'
      : `Process ${holder} would go on serving, and take it over at its next start.`,
  ];
}

/** What was done, as one line of JSON. */
export function reindexedJson({ name }: Subject, done: Reindexed, seconds: number): string {
  const { roles, isInPlace, bytes, damages } = done;
  return `${JSON.stringify({
    type: 'reindex',
    of: name,
    inPlace: isInPlace,
    seconds: Math.round(seconds * 1000) / 1000,
    indexBytes: bytes ?? null,
    roles,
    leftOut: damages,
  })}\n`;
}

/** What was done, for people. */
export function reindexedText(subject: Subject, done: Reindexed, seconds: number): string {
  const lines: string[] = [];
  for (const [role, { records, added, removed, seconds: took, isResumed }] of Object.entries(
    done.roles,
  )) {
    const rate = Math.round(records / Math.max(took, 0.001)).toLocaleString('en-US');
    const fresh = subject.isCluster ? `, ${added.toLocaleString('en-US')} of them new` : '';
    const resumed = isResumed ? '; the rest an earlier run had done' : '';
    lines.push(`${role}: ${count(records, 'record')}, ${rate}/s${fresh}${resumed}`);
    if (removed > 0) lines.push(`${role}: ${leadingNowhere(removed)} taken out`);
  }
  for (const { segment, offset, what } of done.damages) {
    lines.push(`left out: ${segment} at byte ${offset}: ${what}`);
  }
  const bytes = done.bytes === undefined ? '' : `The index has ${size(done.bytes)}. `;
  lines.push(`${bytes}It took ${duration(seconds)}.`);
  lines.push(
    done.isInPlace
      ? subject.isCluster
        ? 'The index is whole.'
        : 'It is in place.'
      : `It lies ready: process ${subject.holder ?? ''} goes on with the old one; restart the server to take it over.`,
  );
  return `${lines.join('\n')}\n`;
}
