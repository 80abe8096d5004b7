/** `mosaic-admin whois`: everything that is known of a key or an address. */
import { type Host, jsonLine } from '@mosaic-cluster/client/command';
import type { Command } from 'commander';
import { parseSubject } from '../bans/parse-subject.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { addFactsOptions, FACTS_HELP, openFactsAt } from '../place/open-facts.ts';
import { findPlace, openHolding, type PlaceOptions } from '../place/place-options.ts';
import { whoIs } from './whois.ts';
import { whoIsJson, whoIsText } from './whois-report.ts';

const HELP = `
Of a key: whether it is registered, whose key schedules name it and what its own says, what is held of and
for it by role. Of keys and addresses: bans and lines of the allow list that they fall under, and, where
those who serve can be asked, what they use of their budgets, penalty points, earned bans, and what was
refused to them lately. Of private records it says how many there are, and nothing of what is in them.
${FACTS_HELP}

Examples:
  mosaic-admin whois mopub08pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo
  mosaic-admin whois 203.0.113.7 --json --data ./data
${EXIT_HELP}`;

/** Adds `whois` to the command. */
export function registerWhois(program: Command, host: Host): void {
  const command = program
    .command('whois')
    .summary('say what is known of a key or an address')
    .description('Says what is known of a key or an address.')
    .argument('<subject>', 'a key, an address, or an IPv6 network of 64 or 48 bits');
  addFactsOptions(command)
    .addHelpText('after', HELP)
    .action(async (text: string, options: PlaceOptions) => {
      await tell(host, text, options);
    });
}

async function tell(host: Host, text: string, options: PlaceOptions): Promise<void> {
  const subject = parseSubject('SUBJECT', text);
  const place = await findPlace(options);
  const facts = await openFactsAt(place, false);
  try {
    const holding = await openHolding(place, undefined);
    try {
      const who = await whoIs(place, facts.registry, holding, subject);
      const { name: of } = facts;
      if (options.json !== true) host.write(whoIsText(who, host.now(), host.paint));
      else host.write(jsonLine({ type: 'whois', of, ...whoIsJson(who, host.now()) }));
    } finally {
      await holding.close();
    }
  } finally {
    await facts.close();
  }
}
