/**
 * What becomes of the additions of one call that share a replaceable address: decided here in order,
 * so that only the last one that wins has to be written.
 */
import { compareBytes } from '@mosaic-cluster/protocol';
import {
  type AddOutcome,
  type IndexAddition,
  type IndexedRecord,
  POSITION_BYTES,
} from './record-index.ts';

/** The verdict on additions to one address. */
export interface Verdict {
  /** One per addition, in order. */
  readonly outcomes: readonly AddOutcome[];
  /** Which addition holds the address in the end; −1: none of them. */
  readonly winner: number;
  /** Which addition named the record that held the address before; −1: none had to. */
  readonly replacing: number;
}

/**
 * Decides.
 *
 * @param holder position of what holds the address now
 */
export function judge(
  additions: readonly IndexAddition[],
  holder: Uint8Array | undefined,
): Verdict {
  let current = holder;
  let winner = -1;
  let replacing = -1;
  const outcomes = additions.map((addition, i): AddOutcome => {
    const position = positionOf(addition);
    if (current !== undefined) {
      const order = compareBytes(current, position);
      if (order === 0) return 'duplicate';
      if (order > 0) return 'outdated';
      if (winner < 0) {
        const { replaces } = addition;
        if (replaces === undefined) return 'conflict';
        if (compareBytes(positionOf(replaces), current) !== 0) return 'conflict';
        replacing = i;
      }
    }
    current = position;
    winner = i;
    return 'added';
  });
  return { outcomes, winner, replacing };
}

/** The position of a record, a view. */
export function positionOf({ record }: Pick<IndexedRecord, 'record'>): Uint8Array {
  return record.bytes.subarray(0, POSITION_BYTES);
}
