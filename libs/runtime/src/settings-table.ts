/**
 * Catches mistakes in a service's own table of settings the first time anything uses it, so that
 * a bad default or bound cannot wait for the one operator who meets it.
 */
import { CONFIG_FILE_VARIABLE } from './config-file.ts';
import { isSecretKind, parseValue } from './setting-value.ts';
import type { ListKind, ScalarKind, Setting, SettingsTable } from './setting.ts';

const NAME = /^MOSAIC_[A-Z0-9]+(_[A-Z0-9]+)*$/;
const FIELDS: ReadonlySet<string> = new Set(
  (
    'name doc default optional type min max values canBeOff protocols of countMin countMax ' +
    'lengthMin lengthMax pattern allowed fromFile'
  ).split(' '),
);

/** The variable that names a file with the setting's value; undefined: there is none. */
export function fileVariable(setting: Setting): string | undefined {
  const mayBe = setting.fromFile ?? isSecretKind(setting);
  return mayBe ? `${setting.name}_FILE` : undefined;
}

/** Throws a TypeError that names the first setting whose declaration contradicts itself. */
export function checkSettingsTable(table: SettingsTable): void {
  const seen = new Set<string>();
  for (const setting of Object.values(table)) {
    const fault = seen.has(setting.name) ? 'is declared twice' : findFault(setting);
    if (fault !== undefined) throw new TypeError(`setting ${setting.name} ${fault}`);
    seen.add(setting.name);
  }
  for (const setting of Object.values<Setting>(table)) {
    const file = fileVariable(setting);
    if (file === undefined || !seen.has(file)) continue;
    throw new TypeError(`setting ${file} is what the file of ${setting.name} is called`);
  }
}

function findFault(setting: Setting): string | undefined {
  if (!NAME.test(setting.name)) return 'has a name that is not MOSAIC_ and capitals';
  if (setting.name === CONFIG_FILE_VARIABLE) return 'is reserved: every service has it';
  if (setting.doc.trim() === '') return 'has no doc';
  // Tables declared `as const` escape TypeScript's check for misspelt properties.
  const stranger = Object.keys(setting).find((field) => !FIELDS.has(field));
  if (stranger !== undefined) return `has an unknown property ${stranger}`;
  if (setting.default !== undefined && setting.optional === true) {
    return 'has a default and is optional: only one can hold';
  }
  const innermost = setting.type === 'list' ? setting.of : setting;
  if (setting.default !== undefined && innermost.type === 'secret') {
    return 'is a secret with a default';
  }
  const kindFault = findKindFault(setting);
  if (kindFault !== undefined) return kindFault;
  if (setting.default === undefined) return undefined;
  const isFine = parseValue(setting, String(setting.default)) !== undefined;
  return isFine ? undefined : `has a default that it does not allow: ${String(setting.default)}`;
}

function findKindFault(kind: ScalarKind | ListKind): string | undefined {
  switch (kind.type) {
    case 'list':
      return findKindFault(kind.of);
    case 'enum':
      return kind.values.length === 0 ? 'has no values to choose from' : undefined;
    case 'string':
      if (kind.pattern !== undefined && kind.allowed === undefined) {
        return 'has a pattern but does not say in words what is allowed';
      }
      return undefined;
    case 'duration':
    case 'bytes':
      for (const bound of [kind.min, kind.max]) {
        if (bound !== undefined && parseValue({ type: kind.type }, bound) === undefined) {
          return `has a bound that is no ${kind.type}: ${bound}`;
        }
      }
      return undefined;
    default:
      return undefined;
  }
}
