/** The `mosaic-admin` command as a whole: its subcommands and its help. */
import { type ExitCode, type Host, laidOut, runProgram } from '@mosaic-cluster/client/command';
import { Command } from 'commander';
import { EXIT_HELP, exitCodeOf } from './exit-code.ts';
import { registerAudit } from './audit/command.ts';
import { registerBans } from './bans/command.ts';
import { registerCompact } from './compact/command.ts';
import { registerLimits } from './limits/command.ts';
import { registerModeration } from './moderation/command.ts';
import { registerPlan } from './plan/command.ts';
import { registerProcesses } from './processes/command.ts';
import { registerRecords } from './records/command.ts';
import { registerReindex } from './reindex/command.ts';
import { registerStats } from './stats/command.ts';
import { registerUsers } from './users/command.ts';
import { registerVerify } from './verify/command.ts';
import { registerWhois } from './whois/command.ts';

const HELP = `
Examples:
  mosaic-admin stats --data ./data
  mosaic-admin verify --data ./data
  mosaic-admin reindex --data ./data --dry-run
  mosaic-admin compact --dry-run
  mosaic-admin users add --data ./data mopub0… --note "Alice"
  mosaic-admin moderation list --data ./data
  mosaic-admin bans add --data ./data 203.0.113.0/24 --for 2h --reason flood
  mosaic-admin audit list --data ./data --since 2026-11-01
  mosaic-admin plan --records-per-day 5000000

"mosaic-admin COMMAND --help" tells more about one command.
${EXIT_HELP}`;

/** One line per subcommand; each lives in a folder or file of its name. */
const SUBCOMMANDS: readonly ((program: Command, host: Host) => void)[] = [
  registerStats,
  registerVerify,
  registerReindex,
  registerCompact,
  registerUsers,
  registerBans,
  registerModeration,
  registerRecords,
  registerLimits,
  registerProcesses,
  registerWhois,
  registerAudit,
  registerPlan,
];

/** The command line's grammar, over `host`. */
export function createProgram(host: Host): Command {
  const program = laidOut(new Command('mosaic-admin'), host)
    .description(
      'Looks after a Mosaic server: what it keeps, whom it serves, what strangers sent, what operators did.',
    )
    .addHelpText('after', HELP);
  for (const register of SUBCOMMANDS) register(program, host);
  return program;
}

/**
 * Runs the command once.
 *
 * @param args what follows the command's name
 * @returns what the process should end with; errors were told to standard error
 */
export function run(args: readonly string[], host: Host): Promise<ExitCode> {
  return runProgram(createProgram(host), args, host, exitCodeOf);
}
