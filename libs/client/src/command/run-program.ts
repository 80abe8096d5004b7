/**
 * What the project's commands have in common: how help looks, and what becomes of errors.
 */
import { isMosaicError, type MosaicError } from '@mosaic-cluster/protocol';
import { type Command, CommanderError } from 'commander';
import { isResultError } from '../result-error.ts';
import { COLUMNS } from './display-text.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import type { Host } from './host.ts';

/** The command, writing to `host` and laid out as all of them are. */
export function laidOut(program: Command, host: Host): Command {
  return program
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
    .exitOverride();
}

/**
 * Runs a command once.
 *
 * @param args what follows the command's name
 * @param exitCodeOf what an error that is no bug ends the process with
 * @returns what the process should end with; errors were told to standard error
 */
export async function runProgram(
  program: Command,
  args: readonly string[],
  host: Host,
  exitCodeOf: (error: MosaicError) => ExitCode,
): Promise<ExitCode> {
  try {
    await program.parseAsync(args, { from: 'user' });
    return host.exitCode;
  } catch (error) {
    // Commander has told the user itself.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const head = host.errorPaint.red('error:');
    if (isMosaicError(error) && (error.kind !== 'internal' || isResultError(error))) {
      host.warn(`${head} ${error.message}\n`);
      return exitCodeOf(error);
    }
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
    host.warn(`${head} this is a bug in ${program.name()}, please report it\n${detail}\n`);
    return EXIT.broken;
  }
}
