/**
 * What `mosaic query` and `mosaic subscribe` have in common: the filter, spelt out or ready made.
 */
import { type FilterView, parseFilter, type SecretKey } from '@mosaic-cluster/protocol';
import type { Command } from 'commander';
import {
  addConnectionOptions,
  type ConnectionOptions,
  parseWhole,
  readIdentity,
} from './connection-options.ts';
import { decodeContent, decodeText } from './encoding.ts';
import { blaming, usageError } from './exit-code.ts';
import {
  addFilterOptions,
  filterOf,
  type FilterOptions,
  hasFilterOptions,
} from './filter-options.ts';
import type { Host } from './host.ts';
import { addRecordOutputOptions, type RecordOutputOptions } from './record-output.ts';

/** The options that {@link addQueryOptions} adds. */
export interface QueryOptions extends FilterOptions, ConnectionOptions, RecordOutputOptions {
  readonly json?: true;
  readonly filter?: string;
  readonly limit?: number;
}

/** Adds the options. */
export function addQueryOptions(command: Command): Command {
  addFilterOptions(command)
    .option('--filter <filter>', 'a ready-made filter instead: hex, base64 or @FILE')
    .option('--limit <n>', 'at most N stored records, the newest', parseWhole(0, 65_535));
  addRecordOutputOptions(command);
  return addConnectionOptions(command, 'who asks');
}

/** The filter that the options give. @throws MosaicError with code `usage` */
export function readFilter(host: Host, options: QueryOptions, who: string): FilterView {
  const { filter } = options;
  if (filter === undefined) {
    if (hasFilterOptions(options)) return filterOf(host, options, who);
    throw usageError(
      who,
      'it is not said what records are wanted',
      'Add --author, --kind, --tag or the like, or --filter.',
    );
  }
  if (hasFilterOptions(options)) {
    throw usageError('--filter', 'there are other options of a filter too', 'Leave them out.');
  }
  const remedy = 'Give what "mosaic build filter" makes: hex, base64 or @FILE.';
  const decoded = filter.startsWith('@')
    ? decodeContent(host.readFile('--filter', filter.slice(1)))
    : decodeText(filter);
  if ('message' in decoded) throw usageError('--filter', decoded.message, remedy);
  return blaming('--filter', remedy, () => parseFilter(decoded.bytes));
}

/** Who asks: nobody in particular where that is wanted or no key is given. */
export async function readAsker(
  host: Host,
  options: ConnectionOptions,
): Promise<SecretKey | undefined> {
  return options.anonymous === true ? undefined : readIdentity(host, options);
}
