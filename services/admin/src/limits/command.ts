/** `mosaic-admin limits`: what budgets there are, and what is used of them. */
import { type BanSubject, type Standing, STANDINGS } from '@mosaic-cluster/abuse';
import { type Host, type Json, jsonLine } from '@mosaic-cluster/client/command';
import { type Command, Option } from 'commander';
import { parseSubject } from '../bans/parse-subject.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { addFactsOptions, FACTS_HELP } from '../place/open-facts.ts';
import { findPlace, type PlaceOptions } from '../place/place-options.ts';
import { type AskedLimiter, openLimiter } from './asked-limiter.ts';
import { reportJson, reportLines, usageJson, usageLine } from './limits-report.ts';
import { shownSubject, subjectNames } from './subject-names.ts';

interface LimitsOptions extends PlaceOptions {
  readonly standing: Standing;
}

const HELP = `
Without a SUBJECT: every budget, by kind of subject and by how well somebody is known, as those who serve
go by it; then who comes nearest to a limit (on a cluster each gateway knows that by itself: name a
subject). With SUBJECTs, addresses or keys: what each of them uses.

What is used is in the memory of the server of a data folder, which has to run, or on the Redis of a
cluster. Limits of a cluster are as MOSAIC_BUDGETS of the gateways says: set it here too.
${FACTS_HELP}

Examples:
  mosaic-admin limits --data ./data
  mosaic-admin limits 203.0.113.7
  mosaic-admin limits mopub08pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo --standing registered
${EXIT_HELP}`;

/** Adds `limits` to the command. */
export function registerLimits(program: Command, host: Host): void {
  const command = program
    .command('limits')
    .summary('say what budgets there are, and what is used of them')
    .description('Says what budgets there are, and what is used of them.')
    .argument('[subjects...]', 'addresses, IPv6 networks, or keys')
    .addOption(
      new Option('--standing <standing>', 'whose budgets a subject has')
        .choices([...STANDINGS])
        .default('anonymous'),
    );
  addFactsOptions(command)
    .addHelpText('after', HELP)
    .action(async (named: string[], options: LimitsOptions) => {
      const subjects = named.map((text) => parseSubject('SUBJECT', text));
      const place = await findPlace(options);
      const limiter = await openLimiter(place);
      try {
        const isJson = options.json === true;
        if (subjects.length === 0) await tellAll(host, limiter, isJson);
        else await tellSubjects(host, limiter, subjects, options);
      } finally {
        await limiter.close();
      }
    });
}

async function tellSubjects(
  host: Host,
  limiter: AskedLimiter,
  subjects: readonly BanSubject[],
  { standing, json }: LimitsOptions,
): Promise<void> {
  for (const subject of subjects) {
    for (const name of subjectNames(subject)) {
      const report = await limiter.report(name, standing);
      if (json === true) {
        const head = { type: 'limits-of', subject: shownSubject(name), standing };
        host.write(jsonLine({ ...head, ...reportJson(report) }));
        continue;
      }
      const lines = reportLines(report).map((line) => `  ${line}\n`);
      host.write(`${host.paint.bold(shownSubject(name))} (${standing})\n${lines.join('')}`);
    }
  }
}

/** Subjects that nobody is: what they may use is what anybody of their kind may. */
const NOBODY = {
  address: 'a:0.0.0.0',
  network: 'n:::/48',
  key: `k:${'0'.repeat(64)}`,
  author: `u:${'0'.repeat(64)}`,
} as const;

async function tellAll(host: Host, limiter: AskedLimiter, isJson: boolean): Promise<void> {
  const table: { kind: string; standing: Standing; lines: string[]; json: Json[] }[] = [];
  for (const [kind, subject] of Object.entries(NOBODY)) {
    for (const standing of STANDINGS) {
      const { usage } = await limiter.report(subject, standing);
      const json = usage.map(
        ({ what, limit, ratePerSecond }): Json => ({
          what,
          limit: Number.isFinite(limit) ? limit : null,
          perSecond: ratePerSecond ?? null,
        }),
      );
      table.push({ kind, standing, lines: usage.map(usageLine), json });
    }
  }
  const busiest = await limiter.busiest();
  const earned = await limiter.bans();
  if (isJson) {
    const budgets = table.map(({ kind, standing, json }) => ({ kind, standing, limits: json }));
    const uses = busiest?.map(usageJson) ?? null;
    host.write(jsonLine({ type: 'limits', budgets, busiest: uses, earnedBans: earned.length }));
    return;
  }
  for (const { kind, standing, lines } of table) {
    host.write(`${host.paint.bold(`${kind}, ${standing}`)}\n`);
    host.write(lines.map((line) => `  ${line.replace(/ 0 of (.*) \(0 %\)/, ' $1')}\n`).join(''));
  }
  const bold = host.paint.bold('nearest to a limit');
  host.write(`\n${bold}\n`);
  if (busiest === undefined) host.write('  each gateway knows by itself; name a subject\n');
  else if (busiest.length === 0) host.write('  nobody uses anything\n');
  for (const usage of busiest ?? []) {
    host.write(`  ${shownSubject(usage.subject)}  ${usageLine(usage)}\n`);
  }
  host.write(`${earned.length} earned bans; "mosaic-admin bans list" shows them\n`);
}
