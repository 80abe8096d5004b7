/**
 * Makes any value fit for a log line: bounded in size and depth, and without the bytes of
 * records, because a log outlives the right to read them.
 */
import { urlWithoutCredentials } from './secret.ts';

const DEPTH_MAX = 4;
const ENTRIES_MAX = 32;
const TEXT_LENGTH_MAX = 4096;

/**
 * Returns a JSON-safe copy of `value`: byte arrays become `<n bytes>`, errors their class,
 * message, code, stack and causes, addresses lose their credentials; long texts, deep objects and
 * long lists are cut, and say so. Getters and `toJSON` that throw are reported, not passed on.
 */
export function toLoggable(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
      return shortened(value);
    case 'bigint':
      return value.toString();
    case 'function':
    case 'symbol':
      return `<${typeof value}>`;
    case 'object':
      return value === null ? null : objectToLoggable(value, depth);
    default:
      return value;
  }
}

function objectToLoggable(value: object, depth: number): unknown {
  try {
    if (ArrayBuffer.isView(value)) return `<${value.byteLength} bytes>`;
    if (value instanceof ArrayBuffer) return `<${value.byteLength} bytes>`;
    if (value instanceof URL) return shortened(urlWithoutCredentials(value));
    if (depth >= DEPTH_MAX) return '<nested too deep>';
    if (value instanceof Error) return errorToLoggable(value, depth);
    if ('toJSON' in value && typeof value.toJSON === 'function') {
      return toLoggable(value.toJSON(), depth + 1);
    }
    if (Array.isArray(value)) return listToLoggable(value, depth);
    if (value instanceof Map || value instanceof Set) {
      return `<${value.size} entries>`;
    }
    return recordToLoggable(value, depth);
  } catch {
    return '<unreadable>';
  }
}

function listToLoggable(list: readonly unknown[], depth: number): unknown[] {
  const items = list.slice(0, ENTRIES_MAX).map((item) => toLoggable(item, depth + 1));
  if (list.length > ENTRIES_MAX) items.push(`<${list.length - ENTRIES_MAX} more>`);
  return items;
}

function recordToLoggable(value: object, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  const entries = Object.entries(value);
  for (const [name, item] of entries.slice(0, ENTRIES_MAX)) {
    result[name] = toLoggable(item, depth + 1);
  }
  if (entries.length > ENTRIES_MAX) result['…'] = `<${entries.length - ENTRIES_MAX} more>`;
  return result;
}

// Only named properties: libraries hang whole requests, with their bodies, on their errors.
function errorToLoggable(error: Error, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = { type: error.name, message: shortened(error.message) };
  for (const name of ['code', 'kind', 'step', 'syscall', 'address', 'port']) {
    const detail: unknown = Reflect.get(error, name);
    if (typeof detail === 'string' || typeof detail === 'number') result[name] = detail;
  }
  if (error.stack !== undefined) result['stack'] = shortened(error.stack);
  if (error.cause !== undefined) result['cause'] = toLoggable(error.cause, depth + 1);
  if (error instanceof AggregateError) result['errors'] = listToLoggable(error.errors, depth);
  return result;
}

function shortened(text: string): string {
  return text.length <= TEXT_LENGTH_MAX
    ? text
    : `${text.slice(0, TEXT_LENGTH_MAX)}… <${text.length - TEXT_LENGTH_MAX} more characters>`;
}
