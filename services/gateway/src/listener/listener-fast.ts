/**
 * The second listener, for clients without certificates: uWebSockets.js or the `ws` package. Strangers
 * who come over TLS get `ws`, which can pace and bound them. A missing binary must not keep a server from
 * starting.
 */
import type { Listener, ListenerOptions } from './listener.ts';
import { openUwsListener } from './listener-uws.ts';
import { openWsListener } from './listener-ws.ts';
import { loadUws, type UwsModule } from './uws-module.ts';

/** What the listener is made of; `auto`: uWebSockets.js where it speaks no TLS. */
export type ListenerEngine = 'auto' | 'uws' | 'ws';

/**
 * Opens the listener; resolves when it listens. Where balancers send PROXY headers, of which
 * uWebSockets.js reads some only, or where its binary does not load, it is `ws` in any case.
 *
 * @param warn gets a sentence for the log where the slower implementation is used
 * @param load for tests
 * @throws MosaicError as {@link openUwsListener}
 */
export async function openFastListener(
  options: ListenerOptions,
  engine: ListenerEngine,
  warn: (sentence: string) => void,
  load: () => Promise<UwsModule> = loadUws,
): Promise<Listener> {
  if (engine === 'ws' || (engine === 'auto' && options.tls !== undefined)) {
    return openWsListener(options);
  }
  if (options.proxyFrom !== undefined) {
    warn(
      'uWebSockets.js cannot be relied on to read PROXY headers; the listener for clients without ' +
        'certificates uses the slower ws package instead. Everything works; keep PROXY headers from ' +
        'this listener, with a gateway of its own, to serve more clients per core.',
    );
    return openWsListener(options);
  }
  let uws: UwsModule;
  try {
    uws = await load();
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
    warn(
      `uWebSockets.js does not load (${why}); the listener for clients without certificates uses ` +
        'the slower ws package instead. Everything works; install a uWebSockets.js binary for ' +
        'this platform and Node version to serve more clients per core.',
    );
    return openWsListener(options);
  }
  return openUwsListener(uws, options);
}
