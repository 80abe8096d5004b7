/** `mosaic-admin bans pardon`: ends bans that misbehaviour earned, and forgets the points. */
import { type BanSubject, formatBanSubject } from '@mosaic-cluster/abuse';
import type { Host } from '@mosaic-cluster/client/command';
import type { Command } from 'commander';
import { addChangeOptions, CHANGE_HELP } from '../change/change-options.ts';
import type { ListedChange } from '../change/change-listed.ts';
import { addListOption, listHelp, readList } from '../change/read-list.ts';
import { type ChangeCommandOptions, runChange } from '../change/run-change.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { type AskedLimiter, openLimiter } from '../limits/asked-limiter.ts';
import { subjectNames } from '../limits/subject-names.ts';
import { addFactsOptions, FACTS_HELP } from '../place/open-facts.ts';
import { parseSubject } from './parse-subject.ts';

const HELP = `
Ends bans that addresses and keys earned by misbehaviour, and forgets their penalty points, on every gateway.
Operators' bans are ended with "bans remove". The server of a data folder has to run.
${listHelp('subject')}${CHANGE_HELP}
${FACTS_HELP}

Examples:
  mosaic-admin bans pardon 203.0.113.7
  mosaic-admin bans pardon 2001:db8:0:1::/64 mopub08pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo
${EXIT_HELP}`;

/** What becomes of a subject: whether it was banned, or had points. */
type PardonOutcome = 'pardoned' | 'nothing-to-pardon';

/** Adds `pardon` to `bans`. */
export function registerPardon(bans: Command, host: Host): void {
  const command = bans
    .command('pardon')
    .description('Ends bans that misbehaviour earned.')
    .argument('[subjects...]', 'addresses, IPv6 networks, or keys');
  addChangeOptions(addListOption(addFactsOptions(command)))
    .addHelpText('after', HELP)
    .action(async (named: string[], options: ChangeCommandOptions & { file?: string }) => {
      const [parse, show] = [parseSubject, formatBanSubject] as const;
      const { file } = options;
      const list = await readList(host, { named, file, what: 'SUBJECT', parse, show });
      await runChange(host, options, async (_, place) => {
        const limiter = await openLimiter(place);
        return { list, change: pardoned(limiter), close: () => limiter.close() };
      });
    });
}

function pardoned(limiter: AskedLimiter): ListedChange<BanSubject, PardonOutcome> {
  return {
    action: 'bans pardon',
    detail: '',
    idle: new Set(['nothing-to-pardon']),
    look: async (some) => {
      const outcomes: PardonOutcome[] = [];
      for (const { value } of some) {
        let isPunished = false;
        for (const name of subjectNames(value)) {
          const { ban, points } = await limiter.report(name, 'anonymous');
          isPunished ||= ban !== undefined || points >= 1;
        }
        outcomes.push(isPunished ? 'pardoned' : 'nothing-to-pardon');
      }
      return outcomes;
    },
    make: async (audited, some) => {
      for (const { value } of some) {
        for (const name of subjectNames(value)) await limiter.pardon(name);
      }
      // What was pardoned is no fact; the note of it is.
      return audited.change([]);
    },
  };
}
