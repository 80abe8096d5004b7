/** The bytes of operators' questions to all processes, and of their answers; see docs/bus.md. */
import { expectMessage, sectionOf, startMessage, WIRE } from './wire.ts';

const HEAD_BYTES = 4;

/** A question, around its content. */
export function encodeAsk(content: Uint8Array): Uint8Array {
  return encoded(WIRE.ask, content);
}

/** The content of a question, a view. @throws MosaicError `corrupt` (`bus-message`) */
export function decodeAsk(message: Uint8Array): Uint8Array {
  return decoded(WIRE.ask, message);
}

/** An answer, around its content. */
export function encodeTold(content: Uint8Array): Uint8Array {
  return encoded(WIRE.told, content);
}

/** The content of an answer, a view. @throws MosaicError `corrupt` (`bus-message`) */
export function decodeTold(message: Uint8Array): Uint8Array {
  return decoded(WIRE.told, message);
}

function encoded(type: number, content: Uint8Array): Uint8Array {
  const message = startMessage(type, HEAD_BYTES + content.length, HEAD_BYTES);
  message.set(content, HEAD_BYTES);
  return message;
}

function decoded(type: number, message: Uint8Array): Uint8Array {
  expectMessage(message, type, HEAD_BYTES);
  return sectionOf(message, HEAD_BYTES, message.length - HEAD_BYTES);
}
