/** Starts a server of the cluster again when it dies, until it is told to stop. */
import type { ServerProcess } from '@mosaic-cluster/test-servers';
import type { Report } from './report.ts';

const PAUSE_FIRST_MS = 500;
const PAUSE_MS_MAX = 15_000;
/** Whoever ran for so long begins with the shortest pause again. */
const STEADY_MS = 30_000;

/** Watches over a server that runs; the returned function stops both. */
export function keepRunning(
  name: string,
  server: ServerProcess,
  report: Report,
): () => Promise<void> {
  const stopping = new AbortController();
  const watching = watchOver(name, server, report, stopping.signal);
  return async () => {
    stopping.abort();
    await server.stop();
    await watching;
  };
}

async function watchOver(
  name: string,
  server: ServerProcess,
  report: Report,
  signal: AbortSignal,
): Promise<void> {
  const say = (level: string, message: string): void =>
    report({ from: name, level, message, fields: {} });
  for (let failures = 0; ; failures++) {
    const startedAt = performance.now();
    await server.exited;
    if (signal.aborted) return;
    if (performance.now() - startedAt > STEADY_MS) failures = 0;
    const pauseMs = Math.min(PAUSE_FIRST_MS * 2 ** Math.min(failures, 10), PAUSE_MS_MAX);
    say('warn', `ended: started again in ${pauseMs / 1000} s`);
    await pause(pauseMs, signal);
    if (signal.aborted) return;
    try {
      await server.restart();
      say('info', 'is there again');
    } catch (error) {
      if (signal.aborted) return;
      say('error', error instanceof Error ? error.message : String(error));
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
