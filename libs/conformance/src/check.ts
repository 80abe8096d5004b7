/**
 * What a check is: a name, the rule it holds a server to, and a conversation that shows whether the
 * server follows it.
 */
import type { CheckContext } from './check-context.ts';

/** Where a rule stands. */
export interface Rule {
  /** Document and section of the Mosaic specification 0.8.0. */
  readonly section: string;
  /** The text leaves the point open; the check holds to this project's reading of it. */
  readonly isReading: boolean;
}

/** One black-box check. Checks know nothing of each other and run in any order, side by side. */
export interface Check {
  /** `area/what`, kebab-case, unique. */
  readonly name: string;
  readonly rule: Rule;
  /** The rule as a short sentence. */
  readonly title: string;
  /** Returns where the server follows the rule; throws {@link CheckFailure} or {@link CheckSkip}. */
  readonly run: (t: CheckContext) => Promise<void>;
}

/** The server broke the rule; the message says what was expected and what came. */
export class CheckFailure extends Error {
  override readonly name = 'CheckFailure';
}

/** The check can say nothing about this server; the message says why. */
export class CheckSkip extends Error {
  override readonly name = 'CheckSkip';
}

/** A rule that the specification states. */
export function spec(section: string): Rule {
  return { section, isReading: false };
}

/** A point that the specification leaves open, as this project reads it. */
export function reading(section: string): Rule {
  return { section, isReading: true };
}

/** A {@link Check}, written in one call. */
export function check(name: string, rule: Rule, title: string, run: Check['run']): Check {
  return { name, rule, title, run };
}

/** Ends the check: the server broke the rule. */
export function fail(message: string): never {
  throw new CheckFailure(message);
}

/** Ends the check without a verdict. */
export function skip(reason: string): never {
  throw new CheckSkip(reason);
}

/** Ends the check where `condition` does not hold. */
export function ensure(condition: boolean, message: string): asserts condition {
  if (!condition) fail(message);
}
