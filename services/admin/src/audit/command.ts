/** `mosaic-admin audit`: what operators changed. */
import {
  type Host,
  jsonLine,
  parseMoment,
  parseWhole,
  safeText,
  usageError,
} from '@mosaic-cluster/client/command';
import { timestampToMillis } from '@mosaic-cluster/protocol';
import type { Command } from 'commander';
import { addChangeOptions, CHANGE_HELP, operatorOf } from '../change/change-options.ts';
import type { ChangeCommandOptions } from '../change/run-change.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { addFactsOptions, FACTS_HELP, openFacts } from '../place/open-facts.ts';
import type { PlaceOptions } from '../place/place-options.ts';
import type { AuditEntry } from './audit-entry.ts';
import { auditEntries, pruneAudit } from './audit-log.ts';

interface ListOptions extends PlaceOptions {
  readonly since?: string;
  readonly before?: string;
  readonly by?: string;
  readonly limit: number;
}
interface PruneOptions extends ChangeCommandOptions {
  readonly before: string;
}

const MOMENT_HELP = `
A MOMENT is a date (2026-11-22), a time with zone (2026-11-22T18:30:00Z), or "now".`;

const HELP = `
Every change that mosaic-admin makes is kept in the registry together with a note of it: both or neither.
Dry runs and what was refused are not noted. Who may run mosaic-admin may also write other names; the
log is for those who mean well.

"mosaic-admin audit COMMAND --help" tells more about one command.`;

const LIST_HELP = `
Lists changes, oldest first; of more than --limit the newest. To see older ones add --before with the
moment of the first.
${MOMENT_HELP}
${FACTS_HELP}

Examples:
  mosaic-admin audit list --since 2026-11-01 --by alice
  mosaic-admin audit list --json --limit 100000 | jq '.entries[] | select(.action == "users add")'
${EXIT_HELP}`;

const PRUNE_HELP = `
Removes what was noted before a moment. That is noted too, with how many entries are gone.
${MOMENT_HELP}${CHANGE_HELP}
${FACTS_HELP}

Examples:
  mosaic-admin audit prune --before 2025-01-01 --dry-run
  mosaic-admin audit prune --before 2025-01-01 --as alice
${EXIT_HELP}`;

/** Adds `audit` to the command. */
export function registerAudit(program: Command, host: Host): void {
  const audit = program
    .command('audit')
    .helpCommand(false)
    .summary('say who changed what')
    .description('Says who changed what with this command, and when.')
    .addHelpText('after', HELP);
  const list = audit
    .command('list')
    .description('Lists what was changed.')
    .option('--since <moment>', 'only what was changed then or later')
    .option('--before <moment>', 'only what was changed before')
    .option('--by <name>', 'only what this one changed')
    .option('--limit <n>', 'at most so many', parseWhole(1, 100_000), 100);
  addFactsOptions(list)
    .addHelpText('after', LIST_HELP)
    .action(async (options: ListOptions) => {
      await listEntries(host, options);
    });
  const prune = audit
    .command('prune')
    .description('Removes what was noted before a moment.')
    .requiredOption('--before <moment>', 'before when');
  addChangeOptions(addFactsOptions(prune))
    .addHelpText('after', PRUNE_HELP)
    .action(async (options: PruneOptions) => {
      await runPrune(host, options);
    });
}

function millisOf(host: Host, option: string, text: string): number {
  return timestampToMillis(parseMoment(option, text, host.now()));
}

async function listEntries(host: Host, options: ListOptions): Promise<void> {
  const { since, before, by, limit } = options;
  const sinceMs = since === undefined ? undefined : millisOf(host, '--since', since);
  const beforeMs = before === undefined ? undefined : millisOf(host, '--before', before);
  const facts = await openFacts(options, false);
  let newest: AuditEntry[] = [];
  let hasMore = false;
  try {
    for await (const entry of auditEntries(facts.registry, { sinceMs, beforeMs })) {
      if (by !== undefined && entry.by !== by) continue;
      newest.push(entry);
      // Now and then, so that it costs little and memory is bounded.
      if (newest.length < 2 * limit) continue;
      newest = newest.slice(-limit);
      hasMore = true;
    }
  } finally {
    await facts.close();
  }
  hasMore ||= newest.length > limit;
  const entries = newest.slice(-limit);
  if (options.json === true) {
    const told = entries.map(({ atMs, ...rest }) => ({
      at: new Date(atMs).toISOString(),
      ...rest,
    }));
    host.write(jsonLine({ type: 'audit', of: facts.name, entries: told, hasMore }));
    return;
  }
  if (hasMore) {
    const first = new Date(entries[0]!.atMs).toISOString();
    host.write(`there are older ones: --before ${first}, or a larger --limit, shows them\n`);
  }
  for (const entry of entries) host.write(entryText(entry));
  if (entries.length === 0) host.write('nothing was noted\n');
}

/** Subjects shown on the line; the others are counted. */
const SHOWN_MAX = 3;

function entryText({ atMs, by, action, on, detail, result }: AuditEntry): string {
  const more = on.length > SHOWN_MAX ? ` and ${on.length - SHOWN_MAX} more` : '';
  const subjects = on.slice(0, SHOWN_MAX).map(safeText).join(', ') + more;
  const parts = [subjects, result, detail].filter((part) => part !== '').map(safeText);
  return `${new Date(atMs).toISOString()}  ${safeText(by)}  ${safeText(action)}: ${parts.join('; ')}\n`;
}

async function runPrune(host: Host, options: PruneOptions): Promise<void> {
  const by = operatorOf(options);
  const beforeMs = millisOf(host, '--before', options.before);
  const atMs = host.now();
  if (beforeMs > atMs) {
    throw usageError('--before', 'that is in the future', 'Give a moment that has passed.');
  }
  const isDry = options.dryRun === true;
  const before = new Date(beforeMs).toISOString();
  const facts = await openFacts(options, !isDry);
  try {
    const pruned = isDry
      ? { entries: await countBefore(facts.registry, beforeMs), isInEffect: null }
      : await pruneAudit(facts.registry, beforeMs, (entries) => ({
          atMs,
          by,
          action: 'audit prune',
          on: [],
          detail: `before ${before}`,
          result: `${entries.toLocaleString('en-US')} removed`,
        }));
    const { entries, isInEffect } = pruned;
    if (options.json === true) {
      const { name: of } = facts;
      const told = { type: 'audit-prune', of, by, dryRun: isDry, before, entries };
      host.write(jsonLine({ ...told, inEffect: entries > 0 ? isInEffect : null }));
      return;
    }
    const number = entries.toLocaleString('en-US');
    const would = isDry ? 'dry run, nothing was changed: would remove' : 'removed';
    host.write(`${would} ${number} of before ${before}\n`);
  } finally {
    await facts.close();
  }
}

async function countBefore(
  registry: Parameters<typeof auditEntries>[0],
  beforeMs: number,
): Promise<number> {
  let entries = 0;
  for await (const _ of auditEntries(registry, { beforeMs })) entries += 1;
  return entries;
}
