/** A value of a test that must be there. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a value of the test is missing');
  return value;
}
