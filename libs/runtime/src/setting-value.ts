/**
 * Reads one setting's text, and says in words what its kind allows. Parser and wording stand
 * side by side so that an error message cannot promise what the parser refuses.
 */
import { parseHostPort } from './host-port.ts';
import { parseBytes, parseDurationMs } from './quantity.ts';
import { Secret } from './secret.ts';
import type {
  ListKind,
  NumberKind,
  QuantityKind,
  ScalarKind,
  SecretKind,
  StringKind,
  UrlKind,
} from './setting.ts';

/** Anything a setting may be read as. */
export type AnyValue = string | number | boolean | object;

const LIST_COUNT_MAX = 1000;
const STRING_LENGTH_MAX = 4096;
const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['0', false],
]);

/** Returns the value that trimmed, non-empty `text` stands for, or undefined if not allowed. */
export function parseValue(kind: ScalarKind | ListKind, text: string): AnyValue | undefined {
  switch (kind.type) {
    case 'string':
      return isAllowedString(kind, text) ? text : undefined;
    case 'boolean':
      return BOOLEANS.get(text.toLowerCase());
    case 'integer':
    case 'number':
      return parseNumber(kind, text);
    case 'duration':
    case 'bytes':
      return parseQuantity(kind, text);
    case 'enum':
      return kind.values.includes(text) ? text : undefined;
    case 'hostPort':
      return text === 'off' && kind.canBeOff !== false ? 'off' : parseHostPort(text);
    case 'url':
      return text === 'off' && kind.canBeOff === true ? 'off' : parseUrl(kind, text);
    case 'secretUrl': {
      const url = parseUrl(kind, text);
      return url === undefined ? undefined : new Secret(url);
    }
    case 'secret':
      return text.length >= (kind.lengthMin ?? 1) ? new Secret(text) : undefined;
    case 'list':
      return parseList(kind, text);
  }
}

/** Says what a value of this kind looks like: `a duration like 500ms or 5s, from 1s to 1h`. */
export function describeAllowed(kind: ScalarKind | ListKind): string {
  switch (kind.type) {
    case 'string':
      return describeString(kind);
    case 'boolean':
      return 'true or false';
    case 'integer':
      return `a whole number${describeBounds(kind)}`;
    case 'number':
      return `a number${describeBounds(kind)}`;
    case 'duration':
      return `a duration like 500ms, 5s, 2m or 1h30m${describeBounds(kind)}`;
    case 'bytes':
      return `a size like 4096, 64KiB or 1GiB${describeBounds(kind)}`;
    case 'enum':
      return kind.values.length === 1 ? `only ${kind.values[0]}` : `one of ${joined(kind.values)}`;
    case 'hostPort':
      return `an address and port like 127.0.0.1:443 or [::1]:443${kind.canBeOff === false ? '' : ', or off'}`;
    case 'url':
      return `an address that begins with ${describeProtocols(kind)}, without user or password${kind.canBeOff === true ? '; or off' : ''}`;
    case 'secretUrl':
      return `an address that begins with ${describeProtocols(kind)}`;
    case 'secret':
      return describeSecret(kind);
    case 'list':
      return describeList(kind);
  }
}

/** Whether values of this kind must be kept out of every message. */
export function isSecretKind(kind: ScalarKind | ListKind): boolean {
  if (kind.type === 'list') return isSecretKind(kind.of);
  return kind.type === 'secret' || kind.type === 'secretUrl';
}

function isAllowedString(kind: StringKind, text: string): boolean {
  if (text.length < (kind.lengthMin ?? 1)) return false;
  if (text.length > (kind.lengthMax ?? STRING_LENGTH_MAX)) return false;
  return kind.pattern === undefined || new RegExp(`^(?:${kind.pattern})$`, 'u').test(text);
}

function parseNumber(kind: NumberKind, text: string): number | undefined {
  const shape = kind.type === 'integer' ? /^-?\d+$/ : /^-?\d+(\.\d+)?$/;
  if (!shape.test(text)) return undefined;
  const value = Number(text);
  if (kind.type === 'integer' && !Number.isSafeInteger(value)) return undefined;
  return value >= (kind.min ?? -Infinity) && value <= (kind.max ?? Infinity) ? value : undefined;
}

function parseQuantity(kind: QuantityKind, text: string): number | undefined {
  const parse = kind.type === 'duration' ? parseDurationMs : parseBytes;
  const value = parse(text);
  if (value === undefined) return undefined;
  if (kind.min !== undefined && value < (parse(kind.min) ?? 0)) return undefined;
  if (kind.max !== undefined && value > (parse(kind.max) ?? 0)) return undefined;
  return value;
}

function parseUrl(kind: UrlKind, text: string): URL | undefined {
  const protocols = kind.protocols ?? ['https', 'http'];
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  // "redis:host" parses as a path without a host: always a mistake here.
  if (!protocols.includes(url.protocol.slice(0, -1)) || url.host === '') return undefined;
  const hasCredentials = url.username !== '' || url.password !== '';
  return kind.type === 'url' && hasCredentials ? undefined : url;
}

function parseList(kind: ListKind, text: string): readonly AnyValue[] | undefined {
  const items = text === 'none' ? [] : text.split(',').map((item) => item.trim());
  if (items.length < (kind.countMin ?? 0)) return undefined;
  if (items.length > (kind.countMax ?? LIST_COUNT_MAX)) return undefined;
  const values: AnyValue[] = [];
  for (const item of items) {
    const value = item === '' ? undefined : parseValue(kind.of, item);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return values;
}

function describeString(kind: StringKind): string {
  if (kind.allowed !== undefined) return kind.allowed;
  const { lengthMin, lengthMax } = kind;
  if (lengthMin === undefined && lengthMax === undefined) return 'text';
  return `text of ${lengthMin ?? 1} to ${lengthMax ?? STRING_LENGTH_MAX} characters`;
}

function describeSecret(kind: SecretKind): string {
  return kind.lengthMin === undefined
    ? 'a secret'
    : `a secret of at least ${kind.lengthMin} characters`;
}

function describeList(kind: ListKind): string {
  const { countMin = 0, countMax = LIST_COUNT_MAX } = kind;
  const isBounded = countMin > 0 || kind.countMax !== undefined;
  const count = isBounded ? ` of ${countMin} to ${countMax} items` : '';
  const none = countMin === 0 ? '; or none' : '';
  return `a comma-separated list${count}, each ${describeAllowed(kind.of)}${none}`;
}

function describeBounds(kind: NumberKind | QuantityKind): string {
  if (kind.min !== undefined && kind.max !== undefined) return `, from ${kind.min} to ${kind.max}`;
  if (kind.min !== undefined) return `, at least ${kind.min}`;
  return kind.max === undefined ? '' : `, at most ${kind.max}`;
}

function describeProtocols(kind: UrlKind): string {
  return joined((kind.protocols ?? ['https', 'http']).map((protocol) => `${protocol}://`));
}

function joined(words: readonly string[]): string {
  return words.length < 2
    ? words.join('')
    : `${words.slice(0, -1).join(', ')} or ${words.at(-1) ?? ''}`;
}
