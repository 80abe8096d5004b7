/**
 * The requests of a client as bytes. Written by hand and not by the message encoder, which refuses
 * to write what a check may want to send.
 */
import { MESSAGE, writeU16, writeU24 } from '@mosaic-cluster/protocol';

/** A message with any bytes behind its head; `length` replaces the true length in the head. */
export function framedMessage(
  type: number,
  bytes4To8: readonly [number, number],
  rest: Uint8Array = new Uint8Array(0),
  length: number = 8 + rest.length,
): Uint8Array {
  const bytes = new Uint8Array(8 + rest.length);
  bytes[0] = type;
  writeU24(bytes, 1, length);
  writeU16(bytes, 4, bytes4To8[0]);
  writeU16(bytes, 6, bytes4To8[1]);
  bytes.set(rest, 8);
  return bytes;
}

/** Get. */
export function getMessage(queryId: number, references: Uint8Array): Uint8Array {
  return framedMessage(MESSAGE.get, [queryId, 0], references);
}

/** Query. */
export function queryMessage(queryId: number, limit: number, filter: Uint8Array): Uint8Array {
  return framedMessage(MESSAGE.query, [queryId, limit], filter);
}

/** Subscribe. */
export function subscribeMessage(queryId: number, limit: number, filter: Uint8Array): Uint8Array {
  return framedMessage(MESSAGE.subscribe, [queryId, limit], filter);
}

/** Unsubscribe. */
export function unsubscribeMessage(queryId: number): Uint8Array {
  return framedMessage(MESSAGE.unsubscribe, [queryId, 0]);
}

/** Submission of these bytes, be they a record or not. */
export function submissionMessage(record: Uint8Array): Uint8Array {
  return framedMessage(MESSAGE.submission, [0, 0], record);
}
