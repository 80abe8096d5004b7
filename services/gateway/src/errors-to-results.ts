/**
 * The one place where errors inside the server become result codes that clients see. Nothing of
 * an error but its kind leaves the gateway.
 */
import { type ErrorKind, RESULT, type ResultCode } from '@mosaic-cluster/protocol';

/** What a client is told for each kind of error. */
export const RESULT_OF_ERROR_KIND: Readonly<Record<ErrorKind, ResultCode>> = {
  invalid: RESULT.INVALID,
  unauthorized: RESULT.UNAUTHORIZED,
  'not-found': RESULT.NOT_FOUND,
  // Somebody else was quicker; the same request meets another state next time.
  conflict: RESULT.TEMPORARY_ERROR,
  limited: RESULT.TOO_FAST,
  unavailable: RESULT.TEMPORARY_ERROR,
  // What closed is a part of the server that is replaced while clients stay connected.
  closed: RESULT.TEMPORARY_ERROR,
  corrupt: RESULT.PERSISTENT_ERROR,
  internal: RESULT.GENERAL_ERROR,
};

const FAULTS: ReadonlySet<ResultCode> = new Set([RESULT.GENERAL_ERROR, RESULT.PERSISTENT_ERROR]);

/** The result code for anything that was thrown; what is no error of this project is a bug. */
export function resultOfError(error: unknown): ResultCode {
  if (!(error instanceof Error) || !('kind' in error)) return RESULT.GENERAL_ERROR;
  const { kind } = error;
  if (typeof kind !== 'string' || !Object.hasOwn(RESULT_OF_ERROR_KIND, kind)) {
    return RESULT.GENERAL_ERROR;
  }
  return RESULT_OF_ERROR_KIND[kind as ErrorKind];
}

/** Whether something is answered so because the server failed, be it for a moment. */
export function isFailure(result: ResultCode): boolean {
  return result === RESULT.TEMPORARY_ERROR || FAULTS.has(result);
}

/** Whether an operator should hear of it: the kinds that no client's behaviour explains. */
export function isServerFault(error: unknown): boolean {
  return FAULTS.has(resultOfError(error));
}
