/**
 * The optional config file: the same names as the environment, one `NAME=value` a line, so that
 * nobody learns a second vocabulary. The environment wins, so one pod or shell can differ.
 */
import { readFileSync, statSync } from 'node:fs';

import { ConfigError } from './config-error.ts';

/** The variable that names the config file; understood by every service. */
export const CONFIG_FILE_VARIABLE = 'MOSAIC_CONFIG_FILE';

const FILE_BYTES_MAX = 1024 * 1024;

/** A value of the file and the line it stands on, counted from 1. */
export interface FileEntry {
  readonly value: string;
  readonly line: number;
}

/** The file's values by name, and a sentence for every line that is none. */
export interface ParsedConfigFile {
  readonly entries: ReadonlyMap<string, FileEntry>;
  readonly problems: readonly string[];
}

/**
 * Reads `NAME=value` lines. Empty lines and lines that begin with `#` are skipped; a value that
 * contains ` #` must be quoted, because a trailing comment could otherwise end up in it.
 * Problems never repeat a line's text: a broken line may hold a secret.
 */
export function parseConfigFile(text: string): ParsedConfigFile {
  const entries = new Map<string, FileEntry>();
  const problems: string[] = [];
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/);
  for (const [index, raw] of lines.entries()) {
    const line = index + 1;
    const trimmed = raw.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const match = /^([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)$/.exec(trimmed);
    const [, name, rest] = match ?? [];
    if (name === undefined || rest === undefined) {
      problems.push(`Line ${line} of the config file is not NAME=value, a # comment or empty.`);
      continue;
    }
    const earlier = entries.get(name);
    if (earlier !== undefined) {
      problems.push(
        `${name} stands twice in the config file, on lines ${earlier.line} and ${line}.`,
      );
      continue;
    }
    const value = unquoted(rest.trim());
    if (value === undefined) {
      problems.push(
        `${name} on line ${line} of the config file has an open quote or a comment behind its ` +
          'value: give comments their own line, or put quotes around the whole value.',
      );
      continue;
    }
    entries.set(name, { value, line });
  }
  return { entries, problems };
}

/**
 * Reads the file that `env` names in `MOSAIC_CONFIG_FILE`; undefined when it names none.
 * Throws a {@link ConfigError} when the file cannot be read or is larger than 1 MiB.
 */
export function loadConfigFile(
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const path = env[CONFIG_FILE_VARIABLE]?.trim();
  if (path === undefined || path === '') return undefined;
  try {
    if (statSync(path).size > FILE_BYTES_MAX) {
      throw new ConfigError([`${CONFIG_FILE_VARIABLE} names ${path}, which is larger than 1 MiB.`]);
    }
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError([`${CONFIG_FILE_VARIABLE} names a file that can't be read: ${reason}.`]);
  }
}

/**
 * Reads a file that holds the value of one setting, such as a secret that a platform mounts.
 * Throws an Error whose message goes behind "can't be read: ".
 */
export function readSettingFile(path: string): string {
  if (statSync(path).size > FILE_BYTES_MAX) throw new Error(`${path} is larger than 1 MiB`);
  return readFileSync(path, 'utf8');
}

function unquoted(value: string): string | undefined {
  const quote = value[0];
  if (quote !== '"' && quote !== "'") return /\s#/.test(value) ? undefined : value;
  const closed = value.length >= 2 && value.indexOf(quote, 1) === value.length - 1;
  return closed ? value.slice(1, -1) : undefined;
}
