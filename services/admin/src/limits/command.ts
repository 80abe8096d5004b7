/** `mosaic-admin limits`: what budgets there are, who comes nearest to one, what somebody uses. */
import {
  ASKED_SUBJECTS_MAX,
  type BanSubject,
  type BudgetTable,
  type EarnedBan,
  type ProcessReport,
  REPORTED_USES_MAX,
  type Standing,
  STANDINGS,
  SUBJECT_KINDS,
  type SubjectName,
  type SubjectReport,
  type Usage,
} from '@mosaic-cluster/abuse';
import { type Host, jsonLine, parseWhole } from '@mosaic-cluster/client/command';
import { MosaicError } from '@mosaic-cluster/protocol';
import { type Command, Option } from 'commander';
import { parseSubject } from '../bans/parse-subject.ts';
import { inPieces } from '../change/read-list.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { addFactsOptions, FACTS_HELP } from '../place/open-facts.ts';
import { findPlace, type Place, type PlaceOptions } from '../place/place-options.ts';
import { type AskedProcesses, askProcesses } from '../processes/ask-processes.ts';
import { differences, usualBudgets } from '../processes/compare-processes.ts';
import { differencesJson, differencesText } from '../processes/processes-report.ts';
import { type Asked, askedOrWhy, budgetsHere } from './asked-limiter.ts';
import { limitsOf } from './budget-lines.ts';
import {
  limitJson,
  limitLine,
  reportJson,
  reportLines,
  useLine,
  usageJson,
} from './limits-report.ts';
import { mergedReport, mergedUses } from './merge-uses.ts';
import { shownSubject, subjectNames } from './subject-names.ts';

interface LimitsOptions extends PlaceOptions {
  readonly standing: Standing;
  readonly top: number;
}

const TOP = 20;

const HELP = `
Without a SUBJECT: every budget, by kind of subject and by how well somebody is known, as those who serve
go by it; then who comes nearest to a limit, by the share of it that is used (--top N). With SUBJECTs, addresses
or keys: what each of them uses.

What is used is in the memory of those who serve. The server of a data folder is asked on its control socket.
The gateways and workers of a cluster are asked over NATS, by the settings that they have for it (MOSAIC_NATS_URLS
and what belongs to it); what they told one another on Redis says what somebody uses altogether. While Redis is
away each counts for itself, and what they say is added up. Where nobody can be asked, limits are told as
MOSAIC_BUDGETS of this command's environment says.
${FACTS_HELP}

Examples:
  mosaic-admin limits --data ./data
  mosaic-admin limits --top 5 --json | jq '.busiest[]'
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
    .option(
      '--top <n>',
      'who comes nearest to a limit: so many',
      parseWhole(1, REPORTED_USES_MAX),
      TOP,
    )
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
      if (subjects.length > 0) await tellSubjects(host, place, subjects, options);
      else await tellAll(host, place, options);
    });
}

async function tellSubjects(
  host: Host,
  place: Place,
  subjects: readonly BanSubject[],
  { standing, json }: LimitsOptions,
): Promise<void> {
  const names = subjects.flatMap(subjectNames);
  const { reports, note } = await reportsOf(place, names, standing);
  for (const [i, report] of reports.entries()) {
    const subject = shownSubject(names[i]!);
    if (json === true) {
      host.write(jsonLine({ type: 'limits-of', subject, standing, ...reportJson(report) }));
      continue;
    }
    const lines = reportLines(report).map((line) => `  ${line}\n`);
    host.write(`${host.paint.bold(subject)} (${standing})\n${lines.join('')}`);
  }
  if (note !== undefined) host.warn(`${note}\n`);
}

/** What all know together; where that cannot be asked, what each of them knows. */
async function reportsOf(
  place: Place,
  names: readonly SubjectName[],
  standing: Standing,
): Promise<{ reports: readonly SubjectReport[]; note: string | undefined }> {
  const budgets =
    place.of === 'cluster' ? await tableOf(place, await askProcesses(place)) : undefined;
  const together = await askedOrWhy(
    place,
    async (limiter) => {
      const told: SubjectReport[] = [];
      for (const name of names) told.push(await limiter.report(name, standing));
      return told;
    },
    budgets?.table,
  );
  if ('told' in together) return { reports: together.told, note: budgets?.note };
  const reports: SubjectReport[] = [];
  for (const subjects of inPieces(names, ASKED_SUBJECTS_MAX)) {
    const asked = await askProcesses(place, { subjects, standing });
    if (asked.reports.length === 0) throw away(together.why, asked);
    reports.push(...subjects.map((name) => mergedReport(asked.reports, name)));
  }
  return { reports, note: `added up over those who serve, because ${together.why}` };
}

/** The budgets that those who serve go by. */
async function tableOf(
  place: Place,
  { reports, why }: AskedProcesses,
): Promise<{ table: BudgetTable; note: string | undefined }> {
  const usual = usualBudgets(reports);
  if (usual !== undefined) return { table: usual, note: undefined };
  const table = budgetsHere(place.of === 'cluster' ? place.config : { budgets: undefined });
  const note = `limits are as MOSAIC_BUDGETS says here, because ${why ?? 'nobody answered'}`;
  return { table, note };
}

function away(why: string, asked: AskedProcesses): MosaicError {
  const also = asked.why === undefined || why.startsWith(asked.why) ? '' : `; ${asked.why}`;
  return new MosaicError('unavailable', 'limits-away', `${why}${also}`);
}

async function tellAll(host: Host, place: Place, { top, json }: LimitsOptions): Promise<void> {
  const [asked, earned] = await Promise.all([
    askProcesses(place, { top: Math.min(2 * top, REPORTED_USES_MAX) }),
    askedOrWhy(place, (limiter) => limiter.bans()),
  ]);
  if (asked.reports.length === 0 && (place.of === 'embedded' || 'why' in earned)) {
    throw away('why' in earned ? earned.why : 'nobody answers', asked);
  }
  const { table, note } = await tableOf(place, asked);
  const uses = mergedUses(asked.reports, top);
  if (json === true) tellJson(host, table, asked, uses, earned);
  else tellText(host, table, asked, uses, earned);
  if (note !== undefined) host.warn(`${note}\n`);
}

function tellJson(
  host: Host,
  table: BudgetTable,
  { reports, why }: AskedProcesses,
  uses: readonly Usage[],
  earned: Asked<readonly EarnedBan[]>,
): void {
  const budgets = SUBJECT_KINDS.flatMap((kind) =>
    STANDINGS.map((standing) => {
      return { kind, standing, limits: limitsOf(table, kind, standing).map(limitJson) };
    }),
  );
  const told = {
    budgets,
    busiest: reports.length === 0 ? null : uses.map(usageJson),
    earnedBans: 'told' in earned ? earned.told.length : null,
    processes: reports.length,
    differences: differencesJson(differences(reports)),
    faults: faultsOf(reports),
    missing: why ?? null,
  };
  host.write(jsonLine({ type: 'limits', ...told }));
}

function tellText(
  host: Host,
  table: BudgetTable,
  { reports, why }: AskedProcesses,
  uses: readonly Usage[],
  earned: Asked<readonly EarnedBan[]>,
): void {
  const { bold } = host.paint;
  for (const kind of SUBJECT_KINDS) {
    for (const standing of STANDINGS) {
      const lines = limitsOf(table, kind, standing).map((limit) => `  ${limitLine(limit)}\n`);
      host.write(`${bold(`${kind}, ${standing}`)}\n${lines.join('')}`);
    }
  }
  host.write(`\n${bold('nearest to a limit')}\n`);
  if (reports.length === 0) host.write(`  not known: ${why ?? 'nobody answered'}\n`);
  else if (uses.length === 0) host.write('  nobody uses anything\n');
  for (const usage of uses) host.write(`  ${useLine(usage)}\n`);
  if ('why' in earned) host.write(`earned bans are not known: ${earned.why}\n`);
  else host.write(`${earned.told.length} earned bans; "mosaic-admin bans list" shows them\n`);
  if (reports.length > 0 && why !== undefined) host.write(`${why}\n`);
  for (const fault of faultsOf(reports)) host.write(`${fault}\n`);
  host.write(differencesText(differences(reports), host.paint));
}

/** `2 of 3 count for themselves: …`. */
function faultsOf(reports: readonly ProcessReport[]): string[] {
  const faults = new Map<string, number>();
  for (const { limiter } of reports) {
    const fault = limiter?.fault ?? undefined;
    if (fault !== undefined) faults.set(fault, (faults.get(fault) ?? 0) + 1);
  }
  return Array.from(faults, ([why, n]) => `${n} of ${reports.length} processes: ${why}`);
}
