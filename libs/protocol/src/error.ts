/**
 * The one error class of the project: few kinds, so that a caller can decide what to do next
 * without knowing who failed. Programs read `kind` and `code`; people read `message`.
 */

/** What went wrong, coarse enough that each kind has one sensible reaction. */
export type ErrorKind =
  /** The input breaks a rule; sending it again cannot help. */
  | 'invalid'
  /** The caller may not do this. */
  | 'unauthorized'
  /** The thing asked for is not there. */
  | 'not-found'
  /** Another state than the one expected was found (write-once, compare-and-set). */
  | 'conflict'
  /** A limit was met; later it may work. */
  | 'limited'
  /** A dependency does not answer or is full; later it may work. */
  | 'unavailable'
  /** The resource was closed. */
  | 'closed'
  /** Stored bytes are not what was written. */
  | 'corrupt'
  /** A bug. */
  | 'internal';

/** Where in the input the fault lies: bytes `[start:end)`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Everything a {@link MosaicError} may carry besides its kind, code and message. */
export interface ErrorDetail {
  /** Bytes of the input that break the rule. */
  readonly range?: ByteRange;
  /** The validation step that failed, see `record-validation.ts`. */
  readonly step?: string;
  readonly cause?: unknown;
}

/** An error with a kind to react to, a stable code for programs and a sentence for people. */
export class MosaicError extends Error {
  override readonly name = 'MosaicError';
  readonly kind: ErrorKind;
  /** Stable, kebab-case; compared across packages and processes instead of the class. */
  readonly code: string;
  /** Bytes of the input that break the rule, where there is an input. */
  readonly range: ByteRange | undefined;
  /** The validation step that failed, where there are steps. */
  readonly step: string | undefined;

  constructor(kind: ErrorKind, code: string, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.kind = kind;
    this.code = code;
    this.range = detail.range;
    this.step = detail.step;
  }

  /** Whether the same call may succeed later without a change. */
  get retryable(): boolean {
    return this.kind === 'limited' || this.kind === 'unavailable' || this.kind === 'closed';
  }
}

/** A rule broken by bytes `[start:end)` of the input. */
export function invalid(code: string, message: string, start: number, end: number): MosaicError {
  return new MosaicError('invalid', code, message, { range: { start, end } });
}

/** Whether `error` is a {@link MosaicError}, from whichever copy of this library. */
export function isMosaicError(error: unknown): error is MosaicError {
  return error instanceof Error && error.name === 'MosaicError' && 'kind' in error;
}
