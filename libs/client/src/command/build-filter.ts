/**
 * `mosaic build filter`: what to ask a server for.
 */
import { buildFilter, type FilterElementInput } from '@mosaic-cluster/protocol';
import type { Command } from 'commander';
import { blaming, EXIT_HELP } from './exit-code.ts';
import type { Host } from './host.ts';
import { parseMoment } from './moment.ts';
import { addOutputOptions, OUTPUT_HELP, type OutputOptions, writeBuilt } from './output.ts';
import { parseIdPrefix, parsePublicKey } from './parse-key.ts';
import { KIND_HELP, parseKind } from './parse-kind.ts';
import { parseTag, TAG_HELP } from './parse-tag.ts';
import { collect } from './repeatable.ts';

interface FilterOptions extends OutputOptions {
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

const HELP = `
A record must meet every option that is given; an option that is repeated lists alternatives, any
of which will do (--also-tag: each of which it must have). Times are now, nanoseconds, a date, or
a time with zone such as 2026-11-22T18:30:00Z; both ends of a span belong to it.
${KIND_HELP}
${TAG_HELP}
${OUTPUT_HELP}

Examples:
  mosaic build filter --author mopub0… --kind microblog-root --kind reply-comment
  mosaic build filter --tag notify=mopub0… --since 2026-11-01 --until 2026-11-30T23:59:59Z
  mosaic build filter --kind blog-post --exclude moref0… | mosaic inspect
${EXIT_HELP}`;

/** Adds `filter` to `build`. */
export function registerBuildFilter(build: Command, host: Host): void {
  const command = build
    .command('filter')
    .summary('make a filter')
    .description('Makes a filter, which says what records are wanted, and prints it.')
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
  addOutputOptions(command, 'hex')
    .addHelpText('after', HELP)
    .action((options: FilterOptions) => {
      buildOne(host, options);
    });
}

function buildOne(host: Host, options: FilterOptions): void {
  const elements = elementsOf(host, options);
  for (const element of elements) requireFits(element);
  const filter = blaming('build filter', 'Ask for less in one filter.', () =>
    buildFilter(elements),
  );
  if (!filter.isNarrow) {
    host.warn(
      `${host.errorPaint.yellow('note:')} servers refuse this filter as TOO_OPEN; add --author, ` +
        '--signing-key, --kind, --timestamp or --tag\n',
    );
  }
  writeBuilt(host, filter.bytes, options, false);
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
