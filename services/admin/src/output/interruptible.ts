/** Does something long: Ctrl-C ends it, and it says how far it is. */
import { type Host, StatusLine } from '@mosaic-cluster/client/command';
import { ProgressReporter } from './progress.ts';

/** What long work is given. */
export interface Watched {
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly progress: ProgressReporter;
  readonly status: StatusLine;
}

/** Does it. @param isQuiet whether progress is not to be shown */
export async function interruptible<T>(
  host: Host,
  isQuiet: boolean,
  work: (watched: Watched) => Promise<T>,
): Promise<T> {
  const status = new StatusLine(host, isQuiet);
  const progress = new ProgressReporter(host, status);
  const stopped = new AbortController();
  const off = host.onInterrupt(() => stopped.abort());
  try {
    return await work({ signal: stopped.signal, progress, status });
  } finally {
    progress.clear();
    off();
  }
}
