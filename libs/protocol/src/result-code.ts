/**
 * Result codes: how a server says what became of a request.
 *
 * Source: Mosaic specification 0.8.0, "Messages", "Result codes".
 */

/** The defined codes by name. A code on the wire may be another byte; it is passed on as it is. */
export const RESULT = {
  SUCCESS: 1,
  ACCEPTED: 2,
  DUPLICATE: 3,
  NO_CONSUMERS: 4,
  NOT_FOUND: 16,
  REQUIRES_AUTHENTICATION: 32,
  UNAUTHORIZED: 33,
  INVALID: 36,
  TOO_OPEN: 37,
  TOO_LARGE: 38,
  TOO_FAST: 39,
  IP_TEMP_BANNED: 48,
  IP_PERM_BANNED: 49,
  PUBKEY_TEMP_BANNED: 50,
  PUBKEY_PERM_BANNED: 51,
  SHUTTING_DOWN: 64,
  TEMPORARY_ERROR: 65,
  PERSISTENT_ERROR: 66,
  GENERAL_ERROR: 67,
} as const;

/** The name of a defined result code. */
export type ResultName = keyof typeof RESULT;
/** A defined result code. */
export type ResultCode = (typeof RESULT)[ResultName];

const NAMES: ReadonlyMap<number, ResultName> = new Map(
  Object.entries(RESULT).map(([name, code]) => [code, name as ResultName]),
);

/** The name of a code; undefined where none is defined. */
export function resultName(code: number): ResultName | undefined {
  return NAMES.get(code);
}

/** Whether the request did what it was for: SUCCESS, ACCEPTED, DUPLICATE or NO_CONSUMERS. */
export function isSuccess(code: number): boolean {
  return code >= RESULT.SUCCESS && code <= RESULT.NO_CONSUMERS;
}

/** Whether the same request may succeed later without a change. */
export function isRetryable(code: number): boolean {
  return (
    code === RESULT.TOO_FAST || code === RESULT.SHUTTING_DOWN || code === RESULT.TEMPORARY_ERROR
  );
}
