/**
 * Options that can be given more than once.
 */

/** Gathers the values of such an option. */
export function collect(value: string, held: readonly string[] = []): readonly string[] {
  return [...held, value];
}
