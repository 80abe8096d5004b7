/** What a case expects of the library, said so that a failure explains itself. */
import { hexEncode } from '../bytes.ts';
import { isMosaicError, type MosaicError } from '../error.ts';
import { isJsonObject, VectorFailure } from './case-fields.ts';

/** Longest text of a value in a failure; a record would fill the screen. */
const SHOWN_MAX = 80;

function show(value: unknown): string {
  const text =
    value instanceof Uint8Array
      ? hexEncode(value.subarray(0, SHOWN_MAX))
      : typeof value === 'bigint'
        ? String(value)
        : (JSON.stringify(value) ?? 'nothing');
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}…`;
}

/** Fails unless both are the same bytes. */
export function expectBytes(what: string, got: Uint8Array, want: Uint8Array): void {
  if (got.length !== want.length) {
    throw new VectorFailure(`${what}: ${got.length} bytes instead of ${want.length}`);
  }
  const at = got.findIndex((byte, i) => byte !== want[i]);
  if (at < 0) return;
  const part = (bytes: Uint8Array): string => hexEncode(bytes.subarray(at, at + 16));
  throw new VectorFailure(`${what}: byte ${at} on is ${part(got)} instead of ${part(want)}`);
}

/** Fails unless both are the same JSON value; names the first place where they differ. */
export function expectSame(what: string, got: unknown, want: unknown): void {
  if (Array.isArray(got) && Array.isArray(want)) {
    if (got.length !== want.length) {
      throw new VectorFailure(`${what}: ${got.length} items instead of ${want.length}`);
    }
    for (let i = 0; i < got.length; i++) expectSame(`${what}[${i}]`, got[i], want[i]);
    return;
  }
  if (isJsonObject(got) && isJsonObject(want)) {
    for (const key of new Set([...Object.keys(want), ...Object.keys(got)])) {
      expectSame(`${what}.${key}`, own(got, key), own(want, key));
    }
    return;
  }
  if (got !== want) throw new VectorFailure(`${what}: ${show(got)} instead of ${show(want)}`);
}

function own(object: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Fails unless `run` throws a MosaicError, which is returned. Any other error is a bug. */
export function expectReject(what: string, run: () => unknown): MosaicError {
  try {
    run();
  } catch (error) {
    if (isMosaicError(error)) return error;
    throw new VectorFailure(`${what}: threw ${String(error)} instead of a MosaicError`);
  }
  throw new VectorFailure(`${what}: accepted instead of rejected`);
}

/** Runs what must not throw. */
export function expectAccept<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof VectorFailure) throw error;
    throw new VectorFailure(`${what}: rejected: ${describe(error)}`);
  }
}

function describe(error: unknown): string {
  if (!isMosaicError(error)) return String(error);
  return error.step === undefined ? error.message : `step ${error.step}: ${error.message}`;
}
