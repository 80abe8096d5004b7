/** Settings as they are in force, for people who compare processes: by name, in the words of the parser. */
import { formatBytes, formatDurationMs } from './quantity.ts';
import { Secret } from './secret.ts';
import type { Setting, SettingsTable } from './setting.ts';

const NOT_SET = 'not set';

/**
 * What settings are in force as texts, by name.
 *
 * @param table those to tell of; of secrets it is told whether they are set
 */
export function settingTexts(
  table: SettingsTable,
  config: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const texts = Object.entries(table).map(([key, setting]): [string, string] => {
    return [setting.name, textOf(setting, config[key])];
  });
  return Object.fromEntries(texts);
}

function textOf({ type }: Pick<Setting, 'type'>, value: unknown): string {
  if (value === undefined) return NOT_SET;
  if (value instanceof Secret || type === 'secret' || type === 'secretUrl') return 'set';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(String).join(',');
  if (typeof value === 'number') {
    if (type === 'duration') return formatDurationMs(value);
    return type === 'bytes' ? formatBytes(value) : String(value);
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
