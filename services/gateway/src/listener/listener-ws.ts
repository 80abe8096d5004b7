/**
 * The listener for clients without certificates where no uWebSockets.js binary fits the platform:
 * slower than that, the same otherwise.
 */
import type { Listener, ListenerOptions } from './listener.ts';
import { openWsServer } from './ws-server.ts';

/**
 * Opens the listener, with TLS or without; resolves when it listens.
 *
 * @throws MosaicError `unavailable` with code `listen` where host and port can't be had
 */
export async function openWsListener(options: ListenerOptions): Promise<Listener> {
  return openWsServer(options, {
    tls: {},
    inspect: () => {},
    clientKey: () => undefined,
  });
}
