/** `mosaic-admin bans` and `allow`: whom gateways keep out, and whom they let in whatever else is said. */
import {
  BAN_REASON_BYTES_MAX,
  Bans,
  type BanSubject,
  formatBanSubject,
} from '@mosaic-cluster/abuse';
import { type Host, parseWhole, usageError } from '@mosaic-cluster/client/command';
import { parseDurationMs } from '@mosaic-cluster/runtime';
import type { Command } from 'commander';
import { addChangeOptions, CHANGE_HELP } from '../change/change-options.ts';
import { lineOf } from '../change/line-of-text.ts';
import { addListOption, type Listed, listHelp, readList } from '../change/read-list.ts';
import { type ChangeCommandOptions, runChange } from '../change/run-change.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { tellPage } from '../output/tell-page.ts';
import { askedOrWhy } from '../limits/asked-limiter.ts';
import { addFactsOptions, FACTS_HELP, openFactsAt } from '../place/open-facts.ts';
import { findPlace, type PlaceOptions } from '../place/place-options.ts';
import { type BanList, subjectsAdded, subjectsRemoved } from './ban-changes.ts';
import { banJson, banLine, earnedFields, earnedText } from './bans-report.ts';
import { assertMeant, parseSubject } from './parse-subject.ts';
import { registerPardon } from './pardon.ts';

interface ListOption {
  readonly file?: string;
}
interface AddOptions extends ChangeCommandOptions, ListOption {
  readonly for?: string;
  readonly reason?: string;
  readonly yes?: true;
}
interface ListOptions extends PlaceOptions {
  readonly after?: string;
  readonly limit: number;
}

/** A list and what its help says. */
interface ListWords extends BanList {
  readonly summary: string;
  readonly about: string;
  readonly add: string;
  readonly remove: string;
  readonly list: string;
  readonly listMore: string;
}

const BANS: ListWords = {
  name: 'bans',
  collection: 'bans',
  summary: 'keep addresses and keys out',
  about: `
Whoever comes from a banned range of addresses, or proves a banned key, is turned away by every gateway
within a second, and whoever is connected already is told so and cut off. An allowed key
("mosaic-admin allow") comes in all the same; of the ranges that an address is in, banned and allowed, the
smallest counts. A ban with an end ends by itself.`,
  add: 'Bans ranges of addresses and keys.',
  remove: 'Ends bans.',
  list: 'Lists bans: keys, then addresses in their order.',
  listMore:
    ' The first page also has the bans that misbehaviour earned, where\nthose who serve can be asked; "bans pardon" ends those.',
};

const ALLOW: ListWords = {
  name: 'allow',
  collection: 'allowed',
  summary: 'let addresses and keys in that bans would keep out',
  about: `
Whoever proves an allowed key is let in whatever bans say. Whoever comes from an allowed range of addresses is
let in unless a smaller range is banned. Misbehaviour earns neither of them a ban.`,
  add: 'Puts ranges of addresses and keys on the allow list.',
  remove: 'Takes ranges of addresses and keys off the allow list.',
  list: 'Lists who is allowed: keys, then addresses in their order.',
  listMore: '',
};

const SUBJECT_HELP = `
A SUBJECT is a range of addresses (203.0.113.7, 203.0.113.0/24, 2001:db8::/48) or a key (mopub0…, mosrv0…
or 64 hex digits). IPv6 addresses are had by the /64: ban that rather than one of them.`;

/** Adds `bans` and `allow` to the command. */
export function registerBans(program: Command, host: Host): void {
  for (const words of [BANS, ALLOW]) {
    const { name, summary, about, list } = words;
    const parent = program
      .command(name)
      .helpCommand(false)
      .summary(summary)
      .description(`${list.split(':')[0]!}; adds and removes them.`)
      .addHelpText(
        'after',
        `${about}\n${SUBJECT_HELP}\n\n"mosaic-admin ${name} COMMAND --help" tells more about one command.`,
      );
    registerAdd(parent, host, words);
    registerRemove(parent, host, words);
    registerList(parent, host, words);
    if (name === 'bans') registerPardon(parent, host);
  }
}

function readSubjects(
  host: Host,
  named: readonly string[],
  { file }: ListOption,
): Promise<Listed<BanSubject>[]> {
  const [what, parse, show] = ['SUBJECT', parseSubject, formatBanSubject] as const;
  return readList(host, { named, file, what, parse, show });
}

function registerAdd(parent: Command, host: Host, words: ListWords): void {
  const command = parent
    .command('add')
    .description(words.add)
    .argument('[subjects...]', 'ranges of addresses, or keys')
    .option('--for <time>', 'for so long: 30m, 2h, 30d; default: until it is removed')
    .option('--reason <text>', 'why, for operators')
    .option('--yes', 'very large ranges are meant');
  const help = `${words.about}
What is listed already gets the new end and reason. In a file, what stands behind a subject on its
line is its reason.
${SUBJECT_HELP}
${listHelp('subject')}${CHANGE_HELP}
${FACTS_HELP}

Examples:
  mosaic-admin ${words.name} add 203.0.113.0/24 --for 2h --reason "flood of 22 November"
  mosaic-admin ${words.name} add --file ranges.txt --dry-run
${EXIT_HELP}`;
  addChangeOptions(addListOption(addFactsOptions(command)))
    .addHelpText('after', help)
    .action(async (named: string[], options: AddOptions) => {
      await add(host, words, named, options);
    });
}

async function add(
  host: Host,
  words: ListWords,
  named: readonly string[],
  options: AddOptions,
): Promise<void> {
  const reason = lineOf('--reason', options.reason ?? '', BAN_REASON_BYTES_MAX);
  const forMs = options.for === undefined ? undefined : timeOf(options.for);
  const list = await readSubjects(host, named, options);
  for (const { value, shown, remark } of list) {
    assertMeant(shown, value, options.yes === true);
    if (remark !== undefined) lineOf(`the reason for ${shown}`, remark, BAN_REASON_BYTES_MAX);
  }
  await runChange(host, options, ({ facts, by, now }) => {
    const untilMs = forMs === undefined ? undefined : now() + forMs;
    return { list, change: subjectsAdded(words, facts, by, { untilMs, reason }) };
  });
}

/** A hundred years: longer ones are meant to be for good. */
const TIME_MS_MAX = 100 * 365 * 86_400_000;

function timeOf(text: string): number {
  const ms = parseDurationMs(text);
  if (ms !== undefined && ms >= 1000 && ms <= TIME_MS_MAX) return ms;
  const remedy = 'Give a time like 30s, 15m, 2h or 30d; leave it out for a ban without end.';
  throw usageError('--for', `"${text}" is no time that a ban can last`, remedy);
}

function registerRemove(parent: Command, host: Host, words: ListWords): void {
  const command = parent
    .command('remove')
    .description(words.remove)
    .argument('[subjects...]', 'ranges of addresses, or keys, exactly as listed');
  const help = `
${words.remove} A range is named as it is listed: what is inside or around it is another one.
${SUBJECT_HELP}
${listHelp('subject')}${CHANGE_HELP}
${FACTS_HELP}

Examples:
  mosaic-admin ${words.name} remove 203.0.113.0/24
  mosaic-admin ${words.name} list --json | jq -r '.subjects[] | select(.inForce | not).subject' |
    mosaic-admin ${words.name} remove --file -
${EXIT_HELP}`;
  addChangeOptions(addListOption(addFactsOptions(command)))
    .addHelpText('after', help)
    .action(async (named: string[], options: ChangeCommandOptions & ListOption) => {
      const list = await readSubjects(host, named, options);
      await runChange(host, options, ({ facts }) => {
        return { list, change: subjectsRemoved(words, facts) };
      });
    });
}

function registerList(parent: Command, host: Host, words: ListWords): void {
  const command = parent
    .command('list')
    .description(words.list)
    .option('--after <subject>', 'only those behind this one')
    .option('--limit <n>', 'at most so many', parseWhole(1, 1000), 1000);
  const help = `
Lists them in order, those that are over included. Where there are more, a line says how to go on; in JSON that
is "next", or null.${words.listMore}
${FACTS_HELP}

Examples:
  mosaic-admin ${words.name} list
  mosaic-admin ${words.name} list --json | jq -r '.subjects[].subject'
${EXIT_HELP}`;
  addFactsOptions(command)
    .addHelpText('after', help)
    .action(async (options: ListOptions) => {
      await list(host, words, options);
    });
}

async function list(host: Host, words: ListWords, options: ListOptions): Promise<void> {
  const after = options.after === undefined ? undefined : parseSubject('--after', options.after);
  const { name, collection } = words;
  const place = await findPlace(options);
  const facts = await openFactsAt(place, false);
  try {
    const page = await new Bans(facts.registry, collection).list(after, options.limit);
    const isFirst = name === 'bans' && after === undefined;
    const earned = isFirst ? await askedOrWhy(place, (limiter) => limiter.bans()) : undefined;
    const nowMs = host.now();
    const part = { items: page.bans, hasMore: page.hasMore };
    const more = earned === undefined ? {} : earnedFields(earned);
    tellPage(host, options.json === true, facts.name, part, {
      type: name,
      items: 'subjects',
      more,
      json: (ban) => banJson(ban, nowMs),
      text: (ban) => banLine(ban, nowMs),
      name: ({ subject }) => formatBanSubject(subject),
      nothing: 'nobody is listed',
    });
    if (earned !== undefined && options.json !== true) host.write(earnedText(earned));
  } finally {
    await facts.close();
  }
}
