/** How `mosaic-admin` ends: the exit codes that scripts rely on. */
import { EXIT, type ExitCode } from '@mosaic-cluster/client/command';
import type { MosaicError } from '@mosaic-cluster/protocol';

/** Shown by the help of every command. */
export const EXIT_HELP = `
Exit codes:
  0    done, and nothing is wrong
  1    damage was found; of "processes": they differ
  2    the command line is wrong, or what it names cannot be used
  3    mosaic-admin itself cannot run: it is not built, or has a bug
  130  Ctrl-C or SIGTERM came before it was done`;

/** What the command ends with when `error` ends it. */
export function exitCodeOf({ code }: MosaicError): ExitCode {
  return code === 'interrupted' ? EXIT.interrupted : EXIT.usage;
}
