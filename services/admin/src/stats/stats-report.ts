/** Says what is held: for people, or as one JSON object. */
import { count } from '@mosaic-cluster/client/command';
import type { Holding } from '../place/holding.ts';
import { size } from '../output/progress.ts';
import type { RoleStats, Stats } from './stats.ts';

/** As one line of JSON; what is not known is null. */
export function statsJson(holding: Holding, { roles, indexBytes }: Stats): string {
  const { name, servedBy } = holding;
  const known = Object.entries(roles).map(([role, stats]) => [role, withNulls(stats)]);
  return `${JSON.stringify({
    type: 'stats',
    of: name,
    served: servedBy !== undefined,
    roles: Object.fromEntries(known) as unknown,
    indexBytes: indexBytes ?? null,
    indexFault: holding.noIndex?.why ?? null,
  })}\n`;
}

function withNulls({ isIndexWhole, ...stats }: RoleStats): Record<string, unknown> {
  const entries = Object.entries({ ...stats, indexWhole: isIndexWhole });
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? null]));
}

/** For people. */
export function statsText(holding: Holding, { roles, indexBytes }: Stats): string {
  const lines: string[] = [];
  for (const [role, stats] of Object.entries(roles)) lines.push(role, ...roleLines(stats), '');
  if (lines.length === 0) lines.push(`${holding.name} keeps no records yet`, '');
  if (holding.noIndex !== undefined) lines.push(`no index: ${holding.noIndex.why}`);
  if (indexBytes !== undefined) lines.push(indexLine(roles, indexBytes));
  return `${lines.join('\n').trimEnd()}\n`;
}

function indexLine(roles: Stats['roles'], indexBytes: number): string {
  const indexed = Object.values(roles).reduce((sum, each) => sum + (each.indexed ?? 0), 0);
  const each = indexed === 0 ? '' : `, ${Math.round(indexBytes / indexed)} bytes a record`;
  return `index of all roles: ${size(indexBytes)}${each}`;
}

function roleLines(stats: RoleStats): string[] {
  const { segments, bytes, records, indexed, held, oldest, newest, bytesPerRecord } = stats;
  const perRecord = bytesPerRecord === undefined ? '' : `, ${bytesPerRecord} bytes a record`;
  const counted = records === undefined ? '' : `, ${count(records, 'record')}`;
  const whole = stats.isIndexWhole === false ? ', and the index is not whole' : '';
  const found = indexed === undefined ? 'no index' : `${count(indexed, 'record')} found${whole}`;
  return [
    `  segments  ${segments.toLocaleString('en-US')}, ${size(bytes)}${counted}${perRecord}`,
    `  index     ${found}${held === undefined ? '' : `, ${held.toLocaleString('en-US')} held`}`,
    ...(oldest === undefined ? [] : [`  received  ${oldest} to ${newest ?? 'not known'}`]),
    ...(stats.kinds ?? []).map(({ kind, name, records: number, bytes: ofKind }) => {
      const named = name === undefined ? kind : `${kind} (${name})`;
      return `  kind      ${named}: ${count(number, 'record')}, ${size(ofKind)}`;
    }),
  ];
}
