/**
 * The error of a request that the server answered with a refusing result code. It is a
 * `MosaicError`, so that callers react to its kind, and it keeps the code as it came.
 */
import { type ErrorKind, MosaicError, RESULT, resultName } from '@mosaic-cluster/protocol';

const KINDS: ReadonlyMap<number, ErrorKind> = new Map<number, ErrorKind>([
  [RESULT.NOT_FOUND, 'not-found'],
  [RESULT.REQUIRES_AUTHENTICATION, 'unauthorized'],
  [RESULT.UNAUTHORIZED, 'unauthorized'],
  [RESULT.INVALID, 'invalid'],
  [RESULT.TOO_OPEN, 'invalid'],
  [RESULT.TOO_LARGE, 'invalid'],
  [RESULT.TOO_FAST, 'limited'],
  [RESULT.IP_TEMP_BANNED, 'limited'],
  [RESULT.PUBKEY_TEMP_BANNED, 'limited'],
  [RESULT.IP_PERM_BANNED, 'unauthorized'],
  [RESULT.PUBKEY_PERM_BANNED, 'unauthorized'],
  [RESULT.SHUTTING_DOWN, 'unavailable'],
  [RESULT.TEMPORARY_ERROR, 'unavailable'],
]);

const REASONS: ReadonlyMap<number, string> = new Map<number, string>([
  [RESULT.NOT_FOUND, 'nothing was found'],
  [RESULT.REQUIRES_AUTHENTICATION, 'the server wants to know who asks: connect with a secret key'],
  [RESULT.UNAUTHORIZED, 'the key of this connection may not do that'],
  [RESULT.INVALID, 'the server finds it invalid'],
  [RESULT.TOO_OPEN, 'the filter must name authors, signing keys, kinds, timestamps or tags'],
  [RESULT.TOO_LARGE, 'it is too large for this server'],
  [RESULT.TOO_FAST, 'too much was asked of the server in too short a time'],
  [RESULT.IP_TEMP_BANNED, 'the server has banned this address for a time'],
  [RESULT.IP_PERM_BANNED, 'the server has banned this address'],
  [RESULT.PUBKEY_TEMP_BANNED, 'the server has banned this key for a time'],
  [RESULT.PUBKEY_PERM_BANNED, 'the server has banned this key'],
  [RESULT.SHUTTING_DOWN, 'the server is shutting down'],
  [RESULT.TEMPORARY_ERROR, 'the server cannot do it at present'],
  [RESULT.PERSISTENT_ERROR, 'the server cannot do it, and trying again will not help'],
  [RESULT.GENERAL_ERROR, 'the server met an error that it does not explain'],
]);

/** A refusing result code, for whatever the code was an answer to. */
export class ResultError extends MosaicError {
  /** The code as it came, 0 to 255; compare it with `RESULT`. */
  readonly result: number;

  /** @param what what was refused, as the beginning of a sentence: `the record`, `the query` */
  constructor(what: string, result: number) {
    const name = resultName(result);
    const code = name?.toLowerCase().replaceAll('_', '-') ?? `result-${result}`;
    const reason =
      REASONS.get(result) ?? 'the server answered with a code that has no meaning here';
    super(KINDS.get(result) ?? 'internal', code, `${what}: ${reason} (${name ?? result})`);
    this.result = result;
  }
}

/** Whether `error` is a {@link ResultError}, from whichever copy of this library. */
export function isResultError(error: unknown): error is ResultError {
  return error instanceof Error && error.name === 'MosaicError' && 'result' in error;
}
