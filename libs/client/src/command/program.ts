/**
 * The `mosaic` command as a whole: its subcommands, its help, and what becomes of errors.
 */
import { Command } from 'commander';
import { registerBuild } from './build.ts';
import { type ExitCode, exitCodeOf, NETWORK_EXIT_HELP } from './exit-code.ts';
import { registerGet } from './get.ts';
import type { Host } from './host.ts';
import { registerInspect } from './inspect.ts';
import { registerKeygen } from './keygen.ts';
import { registerPublish } from './publish.ts';
import { registerQuery } from './query.ts';
import { laidOut, runProgram } from './run-program.ts';
import { registerSubscribe } from './subscribe.ts';
import { VERSION } from './version.ts';

const HELP = `
Examples:
  mosaic keygen --out alice.key
  export MOSAIC_SERVER=wss://127.0.0.1:8443/
  mosaic publish --secret @alice.key --text 'Hello, Mosaic'
  mosaic query --kind microblog-root --since 2026-01-01
  mosaic subscribe --kind microblog-root
  mosaic build record --kind microblog-root --payload 'Hello' --secret @alice.key > hello.txt
  mosaic inspect @hello.txt
  mosaic publish @hello.txt

"mosaic COMMAND --help" tells more about one command.
${NETWORK_EXIT_HELP}`;

/** One line per subcommand; each lives in the file of its name. */
const SUBCOMMANDS: readonly ((program: Command, host: Host) => void)[] = [
  registerKeygen,
  registerInspect,
  registerBuild,
  registerPublish,
  registerGet,
  registerQuery,
  registerSubscribe,
];

/** The command line's grammar, over `host`. */
export function createProgram(host: Host): Command {
  const program = laidOut(new Command('mosaic'), host)
    .description(
      'Make keys and Mosaic records, publish them to servers and get them back, and look into ' +
        'anything that Mosaic is made of.',
    )
    .version(VERSION, '--version', 'print the version')
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
