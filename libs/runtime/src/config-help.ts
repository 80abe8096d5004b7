/**
 * Shows a table of settings to people: as `--help` text, as the reference page's Markdown table,
 * and as the values in force, for the log line at start.
 */
import { CONFIG_FILE_VARIABLE } from './config-file.ts';
import { formatHostPort, type HostPort } from './host-port.ts';
import { formatBytes, formatDurationMs } from './quantity.ts';
import { Secret, urlWithoutCredentials } from './secret.ts';
import { describeAllowed } from './setting-value.ts';
import type { ConfigOf, ListKind, ScalarKind, Setting, SettingsTable } from './setting.ts';
import { checkSettingsTable, fileVariable } from './settings-table.ts';

const HELP_WIDTH = 88;
const INDENT = ' '.repeat(6);

/** The settings as plain text for a terminal: name, doc, allowed values, default. */
export function renderSettingsHelp(table: SettingsTable): string {
  checkSettingsTable(table);
  const blocks = Object.values(table).map((setting) =>
    [
      `  ${setting.name}`,
      ...wrapped(setting.doc),
      ...wrapped(`${capitalised(allowed(setting))}. ${describeDefault(setting)}.`),
    ].join('\n'),
  );
  return [
    'Settings come from the environment, or else from NAME=value lines in the file that',
    `${CONFIG_FILE_VARIABLE} names, where # begins a comment line:`,
    '',
    blocks.join('\n\n'),
    '',
  ].join('\n');
}

/** The settings as a Markdown table with a row each, in the table's order. */
export function renderSettingsMarkdown(table: SettingsTable): string {
  checkSettingsTable(table);
  const rows = Object.values(table).map((setting) => {
    const fallback = setting.default === undefined ? absence(setting) : `\`${setting.default}\``;
    const cells = [`\`${setting.name}\``, fallback, allowed(setting, '`'), setting.doc];
    return `| ${cells.map(escapedCell).join(' | ')} |`;
  });
  return ['| Name | Default | Allowed | What it does |', '|---|---|---|---|', ...rows, ''].join(
    '\n',
  );
}

/**
 * The values in force as text by variable name, written as an operator would write them; secrets
 * and credentials in addresses are redacted, absent optional settings are left out.
 */
export function describeConfig<T extends SettingsTable>(
  table: T,
  config: ConfigOf<T>,
): Readonly<Record<string, string>> {
  const described: Record<string, string> = {};
  for (const [key, setting] of Object.entries<Setting>(table)) {
    const value: unknown = config[key];
    if (value !== undefined) described[setting.name] = formatValue(setting, value);
  }
  return described;
}

function formatValue(kind: ScalarKind | ListKind, value: unknown): string {
  if (kind.type === 'list' && Array.isArray(value)) {
    return value.length === 0 ? 'none' : value.map((item) => formatValue(kind.of, item)).join(',');
  }
  if (value instanceof Secret) {
    const revealed: unknown = value.reveal();
    return revealed instanceof URL ? urlWithoutCredentials(revealed) : value.toString();
  }
  if (value instanceof URL) return value.href;
  if (kind.type === 'duration') return formatDurationMs(Number(value));
  if (kind.type === 'bytes') return formatBytes(Number(value));
  if (kind.type === 'hostPort' && value !== 'off') return formatHostPort(value as HostPort);
  return String(value);
}

function allowed(setting: Setting, quote = ''): string {
  const file = fileVariable(setting);
  const or = file === undefined ? '' : `; or a file with it, named by ${quote}${file}${quote}`;
  return describeAllowed(setting) + or;
}

function describeDefault(setting: Setting): string {
  return setting.default === undefined
    ? capitalised(absence(setting))
    : `Default: ${setting.default}`;
}

function absence(setting: Setting): string {
  return setting.optional === true ? 'not set' : 'required';
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function escapedCell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|').replaceAll(/\s+/g, ' ');
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && INDENT.length + line.length + 1 + word.length > HELP_WIDTH) {
      lines.push(INDENT + line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return line === '' ? lines : [...lines, INDENT + line];
}
