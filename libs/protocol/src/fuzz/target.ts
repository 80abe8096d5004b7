/** What can be fuzzed: how inputs are made, and what must hold for every one of them. */
import type { Random } from './random.ts';

/** Something held that must never hold; any other error that is no MosaicError is a crash. */
export class FuzzFailure extends Error {
  override readonly name = 'FuzzFailure';
}

/** One parser under test. */
export interface FuzzTarget {
  readonly name: string;
  /** Makes an input; the same random source makes the same one. */
  generate(random: Random): Uint8Array;
  /**
   * Feeds the input to the parser and, where it is accepted, encodes it again.
   *
   * @param isSampled whether to spend a millisecond on signatures as well
   * @returns whether the parser accepted it
   * @throws MosaicError where the parser refuses; anything else is a finding
   */
  run(input: Uint8Array, isSampled: boolean): boolean;
}

/** Fails with `sentence` unless `condition` holds. */
export function require(condition: boolean, sentence: string): void {
  if (!condition) throw new FuzzFailure(sentence);
}
