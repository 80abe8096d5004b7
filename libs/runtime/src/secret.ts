/**
 * Values that must not appear in logs, errors or dumps. A secret hides itself wherever a value is
 * turned into text by accident; only `reveal()` gives it away, and that is easy to search for.
 */
import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/** A value that prints as `[redacted]` in templates, JSON, `console.log` and `util.inspect`. */
export class Secret<T = string> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  /** The value itself. Call it where the value is used, and keep the result out of objects. */
  reveal(): T {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.toPrimitive](): string {
    return REDACTED;
  }

  static {
    // Declared this way because isolated declarations cannot name a computed method.
    Object.defineProperty(this.prototype, inspect.custom, { value: () => REDACTED });
  }
}

/**
 * Writes an address without user and password, for people to read. Both go, because some
 * servers take a token in the place of the user's name.
 */
export function urlWithoutCredentials(url: URL): string {
  if (url.password === '' && url.username === '') return url.href;
  const copy = new URL(url);
  copy.username = 'redacted';
  copy.password = '';
  return copy.href;
}
