/** Says what making an index anew did, or would do: for people, or as one JSON object. */
import { count } from '@mosaic-cluster/client/command';
import type { DataFolderView } from '@mosaic-cluster/standalone/data-folder';
import { duration, size } from '../progress.ts';
import type { Estimate } from './estimate.ts';
import type { Reindexed } from './reindex-embedded.ts';

/** What would be done, as one line of JSON. */
export function estimateJson(
  view: DataFolderView,
  roles: Readonly<Record<string, Estimate>>,
): string {
  const served = view.holder !== undefined;
  return `${JSON.stringify({ type: 'reindex-estimate', of: view.path, served, roles })}\n`;
}

/** What would be done, for people. */
export function estimateText(
  view: DataFolderView,
  roles: Readonly<Record<string, Estimate>>,
): string {
  const lines: string[] = [];
  let seconds = 0;
  let bytes = 0;
  for (const [role, each] of Object.entries(roles)) {
    seconds += each.seconds;
    bytes += each.indexBytes;
    const records = each.records === undefined ? 'records' : count(each.records, 'record');
    const about = `about ${duration(each.seconds)}, ${size(each.indexBytes)} of index`;
    lines.push(`${role}: ${records} in ${count(each.segments, 'segment')}, ${about}`);
  }
  if (lines.length === 0) lines.push('there are no segments yet');
  const then =
    view.holder === undefined
      ? 'It would then be put in place; no server can be started until then.'
      : `Process ${view.holder} would go on serving, and take it over at its next start.`;
  return [
    ...lines,
    `In all about ${duration(seconds)} and ${size(bytes)} beside the index that is there.`,
    then,
    'Nothing was changed.',
    '',
  ].join('\n');
}

/** What was done, as one line of JSON. */
export function reindexedJson(view: DataFolderView, done: Reindexed, seconds: number): string {
  const { roles, isInPlace, bytes, damages } = done;
  return `${JSON.stringify({
    type: 'reindex',
    of: view.path,
    inPlace: isInPlace,
    seconds: Math.round(seconds * 1000) / 1000,
    indexBytes: bytes,
    roles,
    leftOut: damages,
  })}\n`;
}

/** What was done, for people. */
export function reindexedText(view: DataFolderView, done: Reindexed, seconds: number): string {
  const lines: string[] = [];
  for (const [role, { records, seconds: took, isResumed }] of Object.entries(done.roles)) {
    const rate = Math.round(records / Math.max(took, 0.001)).toLocaleString('en-US');
    const resumed = isResumed ? '; the rest an earlier run had done' : '';
    lines.push(`${role}: ${count(records, 'record')}, ${rate}/s${resumed}`);
  }
  for (const { segment, offset, what } of done.damages) {
    lines.push(`left out: ${segment} at byte ${offset}: ${what}`);
  }
  lines.push(`The index has ${size(done.bytes)}. It took ${duration(seconds)}.`);
  lines.push(
    done.isInPlace
      ? 'It is in place.'
      : `It lies ready: process ${view.holder ?? ''} goes on with the old one; restart the server to take it over.`,
  );
  return `${lines.join('\n')}\n`;
}
