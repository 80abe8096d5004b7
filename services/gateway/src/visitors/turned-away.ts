/** Somebody who may not come in: told why, and closed. */
import { RESULT, type ResultCode } from '@mosaic-cluster/protocol';
import type { ClientSocket, SocketHandler } from '../listener/listener.ts';
import type { MessageWriter } from '../message-writer.ts';

/** WebSocket close codes (RFC 6455 §7.4.1, and the registry for the later one). */
const CLOSE = { policyViolation: 1008, tryAgainLater: 1013 } as const;

/** Says why, as the last message of a connection, and closes it. */
export function dismiss(writer: MessageWriter, socket: ClientSocket, result: ResultCode): void {
  writer.closing(socket, result);
  if (result === RESULT.TOO_FAST) socket.close(CLOSE.tryAgainLater, 'too many, try again later');
  else socket.close(CLOSE.policyViolation, 'banned');
}

/** Hears nothing of what somebody says who was turned away. */
export const DEAF: SocketHandler = {
  message: () => {},
  text: () => {},
  tooLarge: () => {},
  mayReceive: () => true,
  wasted: () => {},
  crowdedOut: () => {},
  drained: () => {},
  closed: () => {},
};
