/** The error class: what it carries, and that it is known across copies of the library. */
import { expect, test } from 'vitest';
import { type ErrorKind, invalid, isMosaicError, MosaicError } from './error.ts';

test('carries what a program and a person need', () => {
  const error = invalid('tags', 'too short', 3, 5);
  expect(error).toMatchObject({ kind: 'invalid', code: 'tags', message: 'too short' });
  expect(error.range).toEqual({ start: 3, end: 5 });
  expect(error.step).toBeUndefined();
  expect(error.cause).toBeUndefined();
});

test('what may succeed later follows from the kind', () => {
  const kinds: ErrorKind[] = [
    'invalid',
    'unauthorized',
    'limited',
    'unavailable',
    'closed',
    'internal',
  ];
  const retryable = kinds.filter((kind) => new MosaicError(kind, 'x', 'y').retryable);
  expect(retryable).toEqual(['limited', 'unavailable', 'closed']);
});

test('is known by its name, not by its class', () => {
  class MosaicErrorElsewhere extends Error {
    override readonly name = 'MosaicError';
    readonly kind = 'invalid';
  }
  expect(isMosaicError(new MosaicErrorElsewhere())).toBe(true);
  expect(isMosaicError(new Error('x'))).toBe(false);
  expect(isMosaicError('MosaicError')).toBe(false);
});
