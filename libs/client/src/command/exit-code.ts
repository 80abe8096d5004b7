/**
 * How the command ends: the exit codes that scripts rely on, and the one error that means "you
 * called it wrongly".
 */
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import { isResultError } from '../result-error.ts';

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
  /** The server cannot be reached, or was lost and did not come back in time. */
  unreachable: 4,
  /** The server is not the one that was expected. */
  untrusted: 5,
  /** The server refused. */
  refused: 6,
  /** What answers is no Mosaic server, or breaks the protocol. */
  protocol: 7,
  /** Ctrl-C or SIGTERM came before it was done: 128 + SIGINT, as in a shell. */
  interrupted: 130,
} as const;

/** One of the {@link EXIT} codes. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Shown by the help of every command. */
export const EXIT_HELP = `
Exit codes:
  0  done
  1  the data is invalid, or the answer is no
  2  the command line, or a file or value that it names, is wrong
  3  mosaic itself cannot run: it is not built, or has a bug`;

/** Shown by the help of every command that talks to a server. */
export const NETWORK_EXIT_HELP = `
Exit codes:
  0    done
  1    a record is invalid, or one that was asked for is not there
  2    the command line, or a file or value that it names, is wrong
  3    mosaic itself cannot run: it is not built, or has a bug
  4    the server cannot be reached, or was lost and did not come back in time
  5    the server is not the one expected: it shows another key, or no Mosaic certificate
  6    the server refused: not allowed, invalid, too open, too large, banned
  7    what answers is no Mosaic server, or breaks the protocol
  130  Ctrl-C or SIGTERM came before it was done`;

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

/** The error of a run that Ctrl-C or SIGTERM ended. */
export function interruptedError(): MosaicError {
  return new MosaicError('closed', 'interrupted', 'interrupted');
}

const CODES: Readonly<Record<string, ExitCode>> = {
  usage: EXIT.usage,
  interrupted: EXIT.interrupted,
  'server-key': EXIT.untrusted,
  'server-certificate': EXIT.untrusted,
  handshake: EXIT.protocol,
  'server-message': EXIT.protocol,
  'server-record': EXIT.protocol,
};

/** What the command ends with when `error` ends it. */
export function exitCodeOf(error: MosaicError): ExitCode {
  if (isResultError(error)) return EXIT.refused;
  if (error.code === 'trust-store') {
    return error.kind === 'conflict' ? EXIT.untrusted : EXIT.usage;
  }
  const known = CODES[error.code];
  if (known !== undefined) return known;
  if (error.kind === 'internal') return EXIT.broken;
  const isNetwork = error.kind === 'unavailable' || error.kind === 'closed';
  return isNetwork ? EXIT.unreachable : EXIT.invalid;
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
