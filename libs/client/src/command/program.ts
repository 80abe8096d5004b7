/**
 * The `mosaic` command as a whole: its subcommands, its help, and what becomes of errors.
 */
import { isMosaicError } from '@mosaic-cluster/protocol';
import { Command, CommanderError } from 'commander';
import { isResultError } from '../result-error.ts';
import { registerBuild } from './build.ts';
import { COLUMNS } from './display-text.ts';
import { EXIT, type ExitCode, exitCodeOf, NETWORK_EXIT_HELP } from './exit-code.ts';
import { registerGet } from './get.ts';
import type { Host } from './host.ts';
import { registerInspect } from './inspect.ts';
import { registerKeygen } from './keygen.ts';
import { registerPublish } from './publish.ts';
import { registerQuery } from './query.ts';
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
  const program = new Command('mosaic')
    .description(
      'Make keys and Mosaic records, publish them to servers and get them back, and look into ' +
        'anything that Mosaic is made of.',
    )
    .version(VERSION, '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false)
    .showHelpAfterError('(add --help for what can be written here)')
    .configureHelp({ styleTitle: host.paint.bold, helpWidth: COLUMNS })
    .configureOutput({
      writeOut: (text) => host.write(text),
      writeErr: (text) => host.warn(text),
      getOutHasColors: () => true,
      getErrHasColors: () => true,
      getOutHelpWidth: () => COLUMNS,
      getErrHelpWidth: () => COLUMNS,
    })
    .addHelpText('after', HELP)
    .exitOverride();
  for (const register of SUBCOMMANDS) register(program, host);
  return program;
}

/**
 * Runs the command once.
 *
 * @param args what follows the command's name
 * @returns what the process should end with; errors were told to standard error
 */
export async function run(args: readonly string[], host: Host): Promise<ExitCode> {
  try {
    await createProgram(host).parseAsync(args, { from: 'user' });
    return host.exitCode;
  } catch (error) {
    return explain(error, host);
  }
}

function explain(error: unknown, host: Host): ExitCode {
  // Commander has told the user itself.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const head = host.errorPaint.red('error:');
  if (isMosaicError(error) && (error.kind !== 'internal' || isResultError(error))) {
    host.warn(`${head} ${error.message}\n`);
    return exitCodeOf(error);
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  host.warn(`${head} this is a bug in mosaic, please report it\n${detail}\n`);
  return EXIT.broken;
}
