/** Lists that a command is given: on the command line, in a file, or on standard input. */
import { causeOf, type Host, isUsageError, usageError } from '@mosaic-cluster/client/command';
import type { Command } from 'commander';

/** Something that was named, and what stands behind it on its line. */
export interface Listed<Value> {
  readonly value: Value;
  /** As commands show it. */
  readonly shown: string;
  /** Undefined: nothing does. */
  readonly remark: string | undefined;
}

/** How lists work, for help texts. @param what such as `key` */
export function listHelp(what: string): string {
  return `
--file FILE reads more of them, one ${what} a line; - is standard input. Empty lines, and lines that
begin with #, are passed over.`;
}

/** Adds the option. */
export function addListOption(command: Command): Command {
  return command.option('--file <file>', 'read more from FILE, one a line; - is standard input');
}

/** What to read. */
export interface ListSource<Value> {
  /** On the command line. */
  readonly named: readonly string[];
  readonly file: string | undefined;
  /** What one is called, such as `KEY`. */
  readonly what: string;
  readonly parse: (option: string, text: string) => Value;
  /** As commands show it: what has the same text is the same. */
  readonly show: (value: Value) => string;
}

/**
 * Everything that is named, each once: the last remark on it counts.
 *
 * @throws MosaicError `invalid` (`usage`) naming the line that is wrong, or where nothing is named
 */
export async function readList<Value>(
  host: Host,
  { named, file, what, parse, show }: ListSource<Value>,
): Promise<Listed<Value>[]> {
  const found = new Map<string, Listed<Value>>();
  const add = (option: string, text: string, remark?: string): void => {
    const value = parse(option, text);
    const shown = show(value);
    found.set(shown, { value, shown, remark });
  };
  for (const text of named) add(what, text);
  if (file !== undefined) {
    for (const [i, line] of (await linesOf(host, file)).entries()) {
      const [, text, remark] = /^\s*([^\s#]\S*)(?:\s+(.*?))?\s*$/.exec(line) ?? [];
      if (text !== undefined) add(`--file, line ${i + 1}`, text, remark || undefined);
    }
  }
  // An empty file is an empty list.
  if (found.size > 0 || file !== undefined) return [...found.values()];
  throw usageError(what, 'nothing is named', `Give one or more, or a list with --file.`);
}

async function linesOf(host: Host, file: string): Promise<string[]> {
  const bytes = file === '-' ? await host.readInput('--file') : host.readFile('--file', file);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).split(/\r?\n/);
  } catch (error) {
    if (isUsageError(error)) throw error;
    throw usageError('--file', `cannot read ${file}: ${causeOf(error)}`, 'Give text in UTF-8.');
  }
}

/** Cuts a list into pieces, for calls that take so many. */
export function* inPieces<Value>(
  list: readonly Value[],
  size: number,
): Generator<readonly Value[], void, undefined> {
  for (let at = 0; at < list.length; at += size) yield list.slice(at, at + size);
}
