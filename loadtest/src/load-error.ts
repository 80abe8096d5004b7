/**
 * Why a measurement has no result: the server answered wrongly or not at all, or was asked for
 * something that does not exist. The sentence is for the person who runs it.
 */
export class LoadError extends Error {
  override readonly name: string = 'LoadError';
}

/** An error in how the command was called. */
export class UsageError extends LoadError {
  override readonly name: string = 'UsageError';
}
