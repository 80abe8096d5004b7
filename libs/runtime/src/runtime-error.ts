/**
 * The errors this library raises. It may import no other package of the workspace, so it carries
 * its own class, shaped so that `isMosaicError` of the protocol library recognises it: callers
 * need one way only to decide whether trying again makes sense.
 */

/** The kinds of the project's errors that can arise in this library. */
export type RuntimeErrorKind = 'invalid' | 'limited' | 'unavailable' | 'closed' | 'internal';

/** An error with a kind to react to, a stable code for programs and a sentence for people. */
export class RuntimeError extends Error {
  override readonly name = 'MosaicError';
  readonly kind: RuntimeErrorKind;
  /** Stable, kebab-case: `deadline`, `queue-full`, `closed`… */
  readonly code: string;
  /** Never set here: no input bytes are involved. */
  readonly range: undefined = undefined;
  /** Never set here: no validation step is involved. */
  readonly step: undefined = undefined;

  constructor(kind: RuntimeErrorKind, code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
    this.code = code;
  }

  /** Whether the same call may succeed later without a change. */
  get retryable(): boolean {
    return this.kind === 'limited' || this.kind === 'unavailable' || this.kind === 'closed';
  }
}
