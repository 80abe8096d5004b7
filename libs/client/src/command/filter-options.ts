/**
 * The options that say what records are wanted, and the filter they make: `mosaic build filter`
 * prints it, `mosaic query` and `mosaic subscribe` send it.
 */
import { buildFilter, type FilterElementInput, type FilterView } from '@mosaic-cluster/protocol';
import type { Command } from 'commander';
import { blaming } from './exit-code.ts';
import type { Host } from './host.ts';
import { parseMoment } from './moment.ts';
import { parseIdPrefix, parsePublicKey } from './parse-key.ts';
import { KIND_HELP, parseKind } from './parse-kind.ts';
import { parseTag, TAG_HELP } from './parse-tag.ts';
import { collect } from './repeatable.ts';

/** The options that {@link addFilterOptions} adds. */
export interface FilterOptions {
  readonly author?: readonly string[];
  readonly signingKey?: readonly string[];
  readonly kind?: readonly string[];
  readonly timestamp?: readonly string[];
  readonly tag?: readonly string[];
  readonly alsoTag?: readonly string[];
  readonly since?: string;
  readonly until?: string;
  readonly receivedSince?: string;
  readonly receivedUntil?: string;
  readonly exclude?: readonly string[];
  readonly excludeTag?: readonly string[];
}

/** How they work together, for help texts. */
export const FILTER_HELP: string = `
A record must meet every option that is given; an option that is repeated lists alternatives, any
of which will do (--also-tag: each of which it must have). Times are now, nanoseconds, a date, or
a time with zone such as 2026-11-22T18:30:00Z; both ends of a span belong to it.
${KIND_HELP}
${TAG_HELP}`;

/** Adds the options. */
export function addFilterOptions(command: Command): Command {
  return command
    .option('--author <key>', 'author is KEY; repeatable', collect)
    .option('--signing-key <key>', 'signed by KEY; repeatable', collect)
    .option('--kind <kind>', 'is of KIND; repeatable', collect)
    .option('--timestamp <time>', 'made at exactly TIME; repeatable', collect)
    .option('--tag <tag>', 'has TAG; repeatable', collect)
    .option('--also-tag <tag>', 'has TAG as well; repeatable', collect)
    .option('--since <time>', 'made at TIME or later')
    .option('--until <time>', 'made at TIME or earlier')
    .option('--received-since <time>', 'received by the server at TIME or later')
    .option('--received-until <time>', 'received by the server at TIME or earlier')
    .option('--exclude <id>', 'is not the record of this ID; repeatable', collect)
    .option('--exclude-tag <tag>', 'does not have TAG; repeatable', collect);
}

/** Whether any of them was given. */
export function hasFilterOptions(options: FilterOptions): boolean {
  const { author, signingKey, kind, timestamp, tag, alsoTag, exclude, excludeTag } = options;
  const lists = [author, signingKey, kind, timestamp, tag, alsoTag, exclude, excludeTag];
  const { since, until, receivedSince, receivedUntil } = options;
  const moments = [since, until, receivedSince, receivedUntil];
  return [...lists, ...moments].some((value) => value !== undefined);
}

/**
 * The filter that the options describe; a note says so where servers refuse it as too open.
 *
 * @param who the command, for errors
 * @throws MosaicError `invalid` with code `usage`, naming the option at fault
 */
export function filterOf(host: Host, options: FilterOptions, who: string): FilterView {
  const elements = elementsOf(host, options);
  for (const element of elements) requireFits(element);
  const filter = blaming(who, 'Ask for less in one filter.', () => buildFilter(elements));
  if (!filter.isNarrow) {
    host.warn(
      `${host.errorPaint.yellow('note:')} servers refuse this filter as TOO_OPEN; add --author, ` +
        '--signing-key, --kind, --timestamp or --tag\n',
    );
  }
  return filter;
}

const OPTION_OF: Readonly<Record<FilterElementInput['name'], string>> = {
  authors: '--author',
  signingKeys: '--signing-key',
  kinds: '--kind',
  timestamps: '--timestamp',
  includedTags: '--tag',
  excludedTags: '--exclude-tag',
  since: '--since',
  until: '--until',
  receivedSince: '--received-since',
  receivedUntil: '--received-until',
  exclude: '--exclude',
};

/** Each element has its own bound; building it alone tells which option exceeds it. */
function requireFits(element: FilterElementInput): void {
  blaming(OPTION_OF[element.name], 'Give fewer of them, or ask in several filters.', () =>
    buildFilter([element]),
  );
}

function elementsOf(host: Host, options: FilterOptions): FilterElementInput[] {
  const elements: FilterElementInput[] = [];
  const moment = (option: string, text: string): bigint => parseMoment(option, text, host.now());
  const keys = (option: string, texts: readonly string[]): Uint8Array[] =>
    texts.map((text) => parsePublicKey(option, text));
  const addFrom = (list: readonly string[], make: () => FilterElementInput): void => {
    if (list.length > 0) elements.push(make());
  };
  const tags = (option: string, texts: readonly string[]) =>
    texts.map((text) => parseTag(option, text));
  const { author = [], signingKey = [], kind = [], timestamp = [] } = options;
  const { tag = [], alsoTag = [], exclude = [], excludeTag = [] } = options;
  addFrom(author, () => ({ name: 'authors', keys: keys('--author', author) }));
  addFrom(signingKey, () => ({ name: 'signingKeys', keys: keys('--signing-key', signingKey) }));
  addFrom(kind, () => ({ name: 'kinds', kinds: kind.map((text) => parseKind('--kind', text)) }));
  addFrom(timestamp, () => ({
    name: 'timestamps',
    timestamps: timestamp.map((text) => moment('--timestamp', text)),
  }));
  addFrom(tag, () => ({ name: 'includedTags', tags: tags('--tag', tag) }));
  for (const one of tags('--also-tag', alsoTag)) {
    elements.push({ name: 'includedTags', tags: [one] });
  }
  const addMoment = (name: MomentName, option: string, text: string | undefined): void => {
    if (text !== undefined) elements.push({ name, timestamp: moment(option, text) });
  };
  addMoment('since', '--since', options.since);
  addMoment('until', '--until', options.until);
  addMoment('receivedSince', '--received-since', options.receivedSince);
  addMoment('receivedUntil', '--received-until', options.receivedUntil);
  addFrom(exclude, () => ({
    name: 'exclude',
    idPrefixes: exclude.map((text) => parseIdPrefix('--exclude', text)),
  }));
  addFrom(excludeTag, () => ({
    name: 'excludedTags',
    tags: tags('--exclude-tag', excludeTag),
  }));
  return elements;
}

type MomentName = 'since' | 'until' | 'receivedSince' | 'receivedUntil';
