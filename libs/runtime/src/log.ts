/**
 * Writes a process's log with pino: a JSON object a line for machines, or coloured lines for a
 * person at a terminal. Lines are written before the call returns, so the last words of a
 * process that ends are not lost.
 */
import { isatty } from 'node:tty';

import { pino } from 'pino';
import { prettyFactory } from 'pino-pretty';

import { toLoggable } from './loggable.ts';
import type { LogFields, Logger, LogLevel } from './logger.ts';

/** How lines look; `auto` is pretty on a terminal and JSON elsewhere. */
export type LogFormat = 'json' | 'pretty' | 'auto';

/** All formats; for an enum setting. */
export const logFormats = ['json', 'pretty', 'auto'] as const;

/** Where finished lines go. Each call gets one line with its line feed. */
export interface LogSink {
  write(line: string): void;
}

/** What {@link createLogger} may be told. */
export interface LogOptions {
  /** Which part of the system writes; the field `service` of every line. */
  readonly service: string;
  /** Lines below it are not written; `info` when absent. */
  readonly level?: LogLevel;
  /** `auto` when absent. */
  readonly format?: LogFormat;
  /** 1 (standard output) or 2 (standard error); 1 when absent. */
  readonly fileDescriptor?: 1 | 2;
  /** Takes the place of the file descriptor, for tests and tools. */
  readonly sink?: LogSink;
}

// What a reader that stopped reading may leave unwritten; beyond it lines are dropped.
const BUFFERED_BYTES_MAX = 1024 * 1024;

/**
 * Creates a process's root logger. Writes are synchronous. When the output can't be written (a
 * closed pipe, a full disk) lines are dropped; logging never stops a service.
 */
export function createLogger(options: LogOptions): Logger {
  const fileDescriptor = options.fileDescriptor ?? 1;
  const format = options.format ?? 'auto';
  const isTerminal = options.sink === undefined && isatty(fileDescriptor);
  const isPretty = format === 'pretty' || (format === 'auto' && isTerminal);
  const plain = options.sink ?? descriptorSink(fileDescriptor);
  const root = pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
      // Fields are made safe before pino sees them; its own handling of `err` would undo that.
      serializers: { err: (value: unknown) => value },
    },
    isPretty ? prettySink(plain, isTerminal) : plain,
  );
  return wrap(root);
}

function wrap(target: pino.Logger): Logger {
  const write =
    (level: Exclude<LogLevel, 'silent'>) =>
    (message: string, fields?: LogFields): void => {
      if (!target.isLevelEnabled(level)) return;
      if (fields === undefined) target[level](message);
      else target[level](safeFields(fields), message);
    };
  return {
    trace: write('trace'),
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    fatal: write('fatal'),
    isEnabled: (level) => target.isLevelEnabled(level),
    child: (fields) => wrap(target.child(safeFields(fields))),
  };
}

// A field called `level` or `message` would stand twice in the line, and readers disagree on
// which of the two counts.
function safeFields(fields: LogFields): Record<string, unknown> {
  const safe: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const isTaken = name === 'level' || name === 'message' || name === 'time' || name === 'service';
    safe[isTaken ? `${name}_` : name] = toLoggable(value);
  }
  return safe;
}

function descriptorSink(fileDescriptor: 1 | 2): LogSink {
  const destination = pino.destination({
    dest: fileDescriptor,
    sync: true,
    maxLength: BUFFERED_BYTES_MAX,
  });
  destination.on('error', () => undefined);
  return destination;
}

function prettySink(target: LogSink, colorize: boolean): LogSink {
  const pretty = prettyFactory({
    colorize,
    messageKey: 'message',
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'service,pid,hostname',
    errorLikeObjectKeys: ['error'],
    singleLine: true,
  });
  return { write: (line) => target.write(pretty(withControlsShown(line))) };
}

// A terminal obeys control characters, and texts of strangers reach the log: show them as
// escapes. The pattern consumes each JSON escape whole, so `\\u001b` stays the text it is.
function withControlsShown(line: string): string {
  return line
    .replaceAll(/\\(?:u00[01][0-9a-f]|.)/g, (escape) =>
      /^\\[ubfr]/.test(escape) ? `\\${escape}` : escape,
    )
    .replaceAll(/[\u007f-\u009f]/g, (c) => `\\\\u00${(c.codePointAt(0) ?? 0).toString(16)}`);
}
