/**
 * Turns environment variables and an optional file into a service's typed config object, or
 * into one error that lists everything wrong with them. Pure: callers pass the environment in.
 */
import { CONFIG_FILE_VARIABLE, parseConfigFile, readSettingFile } from './config-file.ts';
import { ConfigError } from './config-error.ts';
import { nearestName } from './nearest-name.ts';
import { checkSettingsTable, fileVariable } from './settings-table.ts';
import { type AnyValue, describeAllowed, isSecretKind, parseValue } from './setting-value.ts';
import type { ConfigOf, Setting, SettingsTable } from './setting.ts';

const SHOWN_VALUE_LENGTH_MAX = 80;
/** What every setting's name begins with; all other variables are somebody else's. */
const PREFIX = 'MOSAIC_';

/** Variables as `process.env` holds them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What {@link readConfig} may be told besides the table and its sources. */
export interface ReadConfigOptions {
  /** Names of other services' settings, tolerated so that services can share one environment. */
  readonly alsoKnown?: Iterable<string>;
  /** Reads a file that `NAME_FILE` names; the file system's when absent. Throws a sentence. */
  readonly readFile?: (path: string) => string;
}

interface Given {
  readonly text: string;
  /** Where the value came from, as an error message says it; empty for the environment. */
  readonly origin: string;
}

/**
 * Reads the settings of `table` from `env` and, where that has no value, from `fileContents`.
 * Values are trimmed; an empty one counts as not set. Throws a {@link ConfigError} that names
 * every missing or wrong value and every unknown `MOSAIC_*` name, and a TypeError when the table
 * itself is wrong (a bug).
 */
export function readConfig<const T extends SettingsTable>(
  table: T,
  env: Environment,
  fileContents?: string,
  options: ReadConfigOptions = {},
): ConfigOf<T> {
  checkSettingsTable(table);
  const file = parseConfigFile(fileContents ?? '');
  const names = Object.values<Setting>(table).flatMap((setting) => namesOf(setting));
  const readFile = options.readFile ?? readSettingFile;
  const known = new Set<string>([CONFIG_FILE_VARIABLE, ...names, ...(options.alsoKnown ?? [])]);
  const problems = [...file.problems, ...unknownNames(known, env, file.entries.keys())];
  const config: Record<string, AnyValue | undefined> = {};
  for (const [key, setting] of Object.entries<Setting>(table)) {
    const outcome = readSetting(setting, find(setting, env, file.entries, readFile));
    if (typeof outcome.problem === 'string') problems.push(outcome.problem);
    config[key] = outcome.value;
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config) as ConfigOf<T>;
}

/** The names that a setting is known by: its own, and that of a file that holds its value. */
export function namesOf(setting: Setting): string[] {
  const file = fileVariable(setting);
  return file === undefined ? [setting.name] : [setting.name, file];
}

type Entries = ReturnType<typeof parseConfigFile>['entries'];

/** The value given to a setting, undefined where there is none, or a sentence on why it is none. */
function find(
  setting: Setting,
  env: Environment,
  file: Entries,
  readFile: (path: string) => string,
): Given | undefined | string {
  const sources = [
    (name: string): Given | undefined => fromEnvironment(name, env),
    (name: string): Given | undefined => fromEntries(name, file),
  ];
  const fileName = fileVariable(setting);
  for (const source of sources) {
    const direct = source(setting.name);
    const path = fileName === undefined ? undefined : source(fileName);
    if (direct !== undefined && path !== undefined) {
      return `${setting.name} and ${fileName} are both set${path.origin}: keep one of them.`;
    }
    if (direct !== undefined) return direct;
    if (path === undefined) continue;
    try {
      const text = readFile(path.text).trim();
      if (text !== '') return { text, origin: ` (from the file ${path.text})` };
      return `${fileName} names ${path.text}, which is empty${path.origin}.`;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return `${fileName} names a file that can't be read${path.origin}: ${reason}.`;
    }
  }
  return undefined;
}

function fromEnvironment(name: string, env: Environment): Given | undefined {
  const text = env[name]?.trim();
  return text === undefined || text === '' ? undefined : { text, origin: '' };
}

function fromEntries(name: string, file: Entries): Given | undefined {
  const entry = file.get(name);
  if (entry === undefined || entry.value.trim() === '') return undefined;
  return { text: entry.value.trim(), origin: ` (line ${entry.line} of the config file)` };
}

function readSetting(
  setting: Setting,
  given: Given | undefined | string,
): { readonly value?: AnyValue | undefined; readonly problem?: string } {
  if (typeof given === 'string') return { problem: given };
  if (given === undefined && setting.default !== undefined) {
    return { value: parseValue(setting, String(setting.default)) };
  }
  if (given === undefined) {
    if (setting.optional === true) return {};
    const file = fileVariable(setting);
    const or = file === undefined ? '' : `, or in a file that ${file} names`;
    return { problem: `${setting.name} is not set; it must be ${describeAllowed(setting)}${or}.` };
  }
  const value = parseValue(setting, given.text);
  if (value !== undefined) return { value };
  const shown = shownValue(setting, given.text) + given.origin;
  return { problem: `${setting.name} ${shown}, but must be ${describeAllowed(setting)}.` };
}

function shownValue(setting: Setting, text: string): string {
  // What doesn't parse as an address may still hold a password in front of an @.
  if (isSecretKind(setting) || text.includes('@')) return 'has a value that is not shown here';
  const short =
    text.length > SHOWN_VALUE_LENGTH_MAX ? `${text.slice(0, SHOWN_VALUE_LENGTH_MAX)}…` : text;
  return `is ${JSON.stringify(short)}`;
}

function unknownNames(
  known: ReadonlySet<string>,
  env: Environment,
  fileNames: Iterable<string>,
): string[] {
  const problems: string[] = [];
  for (const name of Object.keys(env)) {
    if (!name.startsWith(PREFIX) || known.has(name) || isServiceLink(name, env)) continue;
    problems.push(`${name} is not a setting.${suggestion(name, known)}`);
  }
  for (const name of fileNames) {
    // A file that named another file would start a chain; the environment alone does that.
    if (known.has(name) && name !== CONFIG_FILE_VARIABLE) continue;
    problems.push(
      name === CONFIG_FILE_VARIABLE
        ? `${name} can be set in the environment only, not in the config file.`
        : `${name} in the config file is not a setting.${suggestion(name, known)}`,
    );
  }
  return problems;
}

function suggestion(name: string, known: ReadonlySet<string>): string {
  // What all names begin with says nothing about how much two of them have in common.
  const ending = (full: string): string =>
    full.startsWith(PREFIX) ? full.slice(PREFIX.length) : full;
  const nearest = nearestName(ending(name), [...known].map(ending));
  return nearest === undefined
    ? ' See --help for the names.'
    : ` Did you mean ${PREFIX}${nearest}?`;
}

// For every Service called mosaic-… Kubernetes puts MOSAIC_…_SERVICE_HOST, _PORT and the like
// into each pod of the namespace; refusing those would stop every pod.
function isServiceLink(name: string, env: Environment): boolean {
  const link = /^(MOSAIC_.*?)_(SERVICE_HOST|SERVICE_PORT|PORT)(_[A-Z0-9_]+)?$/.exec(name);
  return link !== null && env[`${link[1]}_SERVICE_HOST`] !== undefined;
}
