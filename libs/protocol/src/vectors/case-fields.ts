/**
 * Reading one JSON object of a vector file so that nothing in it goes unnoticed: a field that is
 * missing, of another type, or never asked for is a failure of the case.
 */
import { hexDecode } from '../bytes.ts';

/** Why a case failed; its message is the `why` of the result. */
export class VectorFailure extends Error {
  override readonly name = 'VectorFailure';
}

/** Fields that tell a reader something and expect nothing of an implementation. */
const INFORMATIONAL: ReadonlySet<string> = new Set([
  'class',
  'certainty',
  'differs',
  'note',
  'reason',
  'why',
  'extra',
  'cofactored_equation',
  'cofactorless_equation',
]);

function isInformational(name: string): boolean {
  return INFORMATIONAL.has(name) || name === 'library' || name.startsWith('library_');
}

/** Whether `value` is a JSON object. */
export function isJsonObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** One JSON object with a note of what was read from it. */
export class CaseFields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #read = new Set<string>();
  readonly #children: CaseFields[] = [];

  constructor(value: unknown, path = '') {
    if (!isJsonObject(value)) throw new VectorFailure(`${path || 'the case'} is no object`);
    this.#object = value;
    this.#path = path;
  }

  /** The value as it stands; undefined where it is missing. */
  raw(name: string): unknown {
    this.#read.add(name);
    return Object.hasOwn(this.#object, name) ? this.#object[name] : undefined;
  }

  /** Whether the field is there and not null. */
  has(name: string): boolean {
    const value = this.raw(name);
    return value !== undefined && value !== null;
  }

  /** Names fields that this case does not need. They may be there. */
  skip(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name);
  }

  text(name: string): string {
    const value = this.raw(name);
    if (typeof value !== 'string') throw this.#unfit(name, 'text');
    return value;
  }

  boolean(name: string): boolean {
    const value = this.raw(name);
    if (typeof value !== 'boolean') throw this.#unfit(name, 'a boolean');
    return value;
  }

  integer(name: string): number {
    const value = this.raw(name);
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
      throw this.#unfit(name, 'an integer');
    }
    return value;
  }

  /** A 64-bit integer: a decimal string. */
  decimal(name: string): bigint {
    if (this.raw(name) === undefined) throw this.#unfit(name, 'a decimal string');
    return parseDecimal(this.raw(name), this.#where(name));
  }

  /** Bytes: lower-case hex. */
  hex(name: string): Uint8Array<ArrayBuffer> {
    if (this.raw(name) === undefined) throw this.#unfit(name, 'lower-case hex');
    return parseHex(this.raw(name), this.#where(name));
  }

  list(name: string): readonly unknown[] {
    const value = this.raw(name);
    if (!Array.isArray(value)) throw this.#unfit(name, 'a list');
    return value as unknown[];
  }

  object(name: string): CaseFields {
    return this.#child(this.raw(name), this.#where(name));
  }

  objects(name: string): CaseFields[] {
    return this.list(name).map((item, i) => this.#child(item, `${this.#where(name)}[${i}]`));
  }

  /** `accept` (true) or `reject` (false). */
  accepts(name = 'spec'): boolean {
    const value = this.text(name);
    if (value === 'accept') return true;
    if (value === 'reject') return false;
    throw this.#unfit(name, '"accept" or "reject"');
  }

  /** Fails where a field, here or in an object read from here, was never asked for. */
  finish(): void {
    const unread = Object.keys(this.#object).filter(
      (name) => !this.#read.has(name) && !isInformational(name),
    );
    if (unread.length > 0) {
      throw new VectorFailure(
        `unknown field ${unread.map((name) => this.#where(name)).join(', ')}`,
      );
    }
    for (const child of this.#children) child.finish();
  }

  #child(value: unknown, path: string): CaseFields {
    const child = new CaseFields(value, path);
    this.#children.push(child);
    return child;
  }

  #where(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }

  #unfit(name: string, wanted: string): VectorFailure {
    const state = this.raw(name) === undefined ? 'is missing' : 'has another type';
    return new VectorFailure(`the field ${this.#where(name)} ${state}: ${wanted} expected`);
  }
}

/** Bytes of lower-case hex. */
export function parseHex(value: unknown, where: string): Uint8Array<ArrayBuffer> {
  if (typeof value !== 'string' || !/^(?:[0-9a-f]{2})*$/.test(value)) {
    throw new VectorFailure(`the field ${where} is no lower-case hex`);
  }
  return hexDecode(value);
}

/** An integer written as a decimal string. */
export function parseDecimal(value: unknown, where: string): bigint {
  if (typeof value !== 'string' || !/^-?\d{1,40}$/.test(value)) {
    throw new VectorFailure(`the field ${where} is no decimal string`);
  }
  return BigInt(value);
}
