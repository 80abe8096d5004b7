/**
 * How the command ends: the exit codes that scripts rely on, and the one error that means "you
 * called it wrongly".
 */
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';

/** Exit codes of `mosaic`. */
export const EXIT = {
  /** It did what was asked. */
  ok: 0,
  /** The data is invalid, or the answer is no. */
  invalid: 1,
  /** The command line, or something that an option names, is wrong. */
  usage: 2,
  /** The command itself cannot run: it is not built, or it has a bug. */
  broken: 3,
} as const;

/** One of the {@link EXIT} codes. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Shown by the help of every command. */
export const EXIT_HELP = `
Exit codes:
  0  done
  1  the data is invalid, or the answer is no
  2  the command line, or a file or value that it names, is wrong
  3  mosaic itself cannot run; 4 and up are kept for network errors`;

/**
 * The error of a wrong command line.
 *
 * @param option what the user wrote that is wrong: an option, argument or variable
 * @param problem what is wrong with it; never holds a secret
 * @param remedy what to write instead
 * @returns `invalid` with code `usage`
 */
export function usageError(option: string, problem: string, remedy: string): MosaicError {
  return new MosaicError('invalid', 'usage', `${option}: ${problem}\n${remedy}`);
}

/** Whether `error` came from {@link usageError}. */
export function isUsageError(error: unknown): error is MosaicError {
  return isMosaicError(error) && error.code === 'usage';
}

/**
 * Runs `make`, whose errors about its input become usage errors of `option`.
 *
 * @throws MosaicError `invalid` with code `usage`
 */
export function blaming<T>(option: string, remedy: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!isMosaicError(error) || error.code === 'usage') throw error;
    throw usageError(option, error.message, remedy);
  }
}
