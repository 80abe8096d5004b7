/**
 * Listens to an abort signal on behalf of many. A signal that a thousand requests share would
 * otherwise have a thousand listeners, which Node takes for a leak and says so.
 */
const LISTENERS = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Calls `run` when the signal is aborted later on.
 *
 * @returns stops listening
 */
export function onAbort(signal: AbortSignal | undefined, run: () => void): () => void {
  if (signal === undefined) return () => {};
  const listeners = LISTENERS.get(signal) ?? listenTo(signal);
  listeners.add(run);
  return () => listeners.delete(run);
}

function listenTo(signal: AbortSignal): Set<() => void> {
  const listeners = new Set<() => void>();
  LISTENERS.set(signal, listeners);
  signal.addEventListener('abort', () => {
    for (const run of listeners) run();
    listeners.clear();
  });
  return listeners;
}
