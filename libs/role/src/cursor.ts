/**
 * Cursors: where a query's next page starts. Opaque to everybody but the reader, never shown to a
 * client, and without a state behind them.
 *
 *     [0]     the plan that is walked, or 255: what came in lately
 *     [1:25)  everything at or above this position was looked at
 */
import type { Cursor } from '@mosaic-cluster/bus';
import { MosaicError } from '@mosaic-cluster/protocol';
import { POSITION_BYTES, type Position } from '@mosaic-cluster/store';

/** In place of a plan's number: records are found by when they were received. */
export const RECEIVED_CHOICE = 0xff;

/** The parts of a cursor. */
export interface CursorParts {
  /** Undefined with the first page: nothing was chosen yet. */
  readonly choice: number | undefined;
  readonly below: Position | undefined;
}

/** The cursor of a page after the first. */
export function writeCursor(choice: number, below: Position): Cursor {
  const cursor = new Uint8Array(1 + POSITION_BYTES);
  cursor[0] = choice;
  cursor.set(below.subarray(0, POSITION_BYTES), 1);
  return cursor;
}

/** The parts of a cursor. @throws MosaicError `invalid` with code `cursor` */
export function readCursor(cursor: Cursor | undefined): CursorParts {
  if (cursor === undefined) return { choice: undefined, below: undefined };
  if (cursor.length !== 1 + POSITION_BYTES) {
    throw new MosaicError('invalid', 'cursor', 'the cursor is none of this role');
  }
  return { choice: cursor[0], below: cursor.subarray(1) };
}
