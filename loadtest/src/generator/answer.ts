/** Reading a server's messages: their heads, and sentences for those that are wrong. */
import { MESSAGE, messageName, readU24, resultName } from '@mosaic-cluster/protocol';
import { LoadError } from '../load-error.ts';

/** Offset of the record in a Record message. */
export const RECORD_OFFSET = 8;

/** @throws LoadError where the length in the message's head is not its length */
export function checkLength(bytes: Buffer, at: number, length: number): void {
  if (length >= 8 && readU24(bytes, at + 1) === length) return;
  throw unexpected(bytes, at, length);
}

/** An error that names the message that nobody waited for. */
export function unexpected(bytes: Buffer, at: number, length: number): LoadError {
  const type = length > 0 ? bytes[at]! : -1;
  if (type === MESSAGE.closing) {
    return new LoadError(`the server is closing: ${describeResult(bytes[at + 1]!)}`);
  }
  const name = messageName(type) ?? `of type ${type}`;
  return new LoadError(`an unexpected message ${name} of ${length} bytes`);
}

/** A result code's name, with what to do about some. */
export function describeResult(code: number): string {
  const name = resultName(code) ?? `result ${code}`;
  const hint = HINTS[name];
  return hint === undefined ? name : `${name} (${hint})`;
}

const HINTS: Readonly<Record<string, string>> = {
  TOO_FAST: "turn the server's limits off to measure it",
  DUPLICATE: 'the server has these records already: start it empty, or choose another --seed',
};
