/** From a target to a conversation: socket, upgrade, WebSocket. */
import { SUBPROTOCOL_2024 } from '@mosaic-cluster/protocol';
import { CheckFailure } from './check.ts';
import { Conversation } from './conversation.ts';
import type { Target } from './target.ts';
import { exchangeHttp, upgradeHeaders } from './wire/http.ts';
import { RawWebSocket } from './wire/raw-websocket.ts';
import { openSocket, type SocketOptions } from './wire/socket.ts';

/**
 * Connects as a proper `mosaic2024` client.
 *
 * @throws CheckFailure where the server refuses or does not follow the handshake
 */
export async function openConversation(
  target: Target,
  options: SocketOptions,
): Promise<Conversation> {
  const socket = await openSocket(target, options);
  try {
    const headers = upgradeHeaders(`${target.host}:${target.port}`);
    const answer = await exchangeHttp(socket, { headers }, options.timeoutMs);
    if (answer.status !== 101) {
      throw new CheckFailure(`the upgrade was refused with HTTP ${answer.status}: ${answer.body}`);
    }
    const subprotocol = answer.headers.get('sec-websocket-protocol') ?? '';

    if (subprotocol !== SUBPROTOCOL_2024) {
      throw new CheckFailure(`the server answered with the subprotocol "${subprotocol}"`);
    }
    return new Conversation(
      (listener) => new RawWebSocket(socket, answer.rest, 'client', listener),
      options.timeoutMs,
    );
  } catch (error) {
    socket.destroy();
    throw error;
  }
}
