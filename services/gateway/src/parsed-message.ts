/** Reads what a client sent, where being unreadable is an answer and no error. */
import { isMosaicError, type Message, parseMessage } from '@mosaic-cluster/protocol';

/** A message over these bytes; undefined where it is malformed. */
export function parsed(bytes: Uint8Array): Message | undefined {
  try {
    return parseMessage(bytes);
  } catch (error) {
    if (isMosaicError(error) && error.kind === 'invalid') return undefined;
    throw error;
  }
}
