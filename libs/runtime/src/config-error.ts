/**
 * What a wrong configuration is reported with: everything that is wrong, in one go, because
 * nobody likes to restart a service once per typing mistake.
 */
import { RuntimeError } from './runtime-error.ts';

/** Thrown when a service cannot start with the settings it was given. */
export class ConfigError extends RuntimeError {
  /** A sentence for each thing that is wrong; free of secrets. Never empty. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    const [only] = problems;
    super(
      'invalid',
      'bad-config',
      problems.length === 1 && only !== undefined
        ? `The configuration is wrong: ${only}`
        : `The configuration has ${problems.length} problems:\n- ${problems.join('\n- ')}`,
    );
    this.problems = problems;
  }
}

/** Whether `error` is a {@link ConfigError}, whose message is enough without a stack trace. */
export function isConfigError(error: unknown): error is ConfigError {
  return error instanceof Error && 'code' in error && error.code === 'bad-config';
}
