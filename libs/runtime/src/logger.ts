/**
 * The logger as the rest of the code sees it: message first, then fields. Nobody but `log.ts`
 * knows which library writes the lines.
 */

/** Severity, most talkative first; `silent` writes nothing. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

/** All levels, in the order of {@link LogLevel}; for an enum setting. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/**
 * What a line says besides its message. Errors (best under the name `error`) are written with
 * their causes, byte arrays as their length only, secrets redacted, big values cut short.
 */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes log lines. Its methods never throw and never wait. */
export interface Logger {
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  fatal(message: string, fields?: LogFields): void;
  /** Whether lines of `level` are written; to spare the work of composing costly fields. */
  isEnabled(level: Exclude<LogLevel, 'silent'>): boolean;
  /** A logger that adds `fields` to each line it writes. */
  child(fields: LogFields): Logger;
}

function ignore(): void {}

/** Writes nothing; for callers that were given no logger. */
export const silentLogger: Logger = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore,
  isEnabled: () => false,
  child: () => silentLogger,
};
