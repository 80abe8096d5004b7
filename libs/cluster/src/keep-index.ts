/** Keeps a worker's index whole, and says in log, metrics and readiness probe how it stands. */
import { IndexKeeper, type IndexKeeperOptions, type IndexState } from '@mosaic-cluster/role';
import { formatDurationMs, type Metrics } from '@mosaic-cluster/runtime';
import { quietWarnings } from './quiet-log.ts';
import type { Service } from './service.ts';
import type { WorkerConfig } from './worker-settings.ts';

/** Looks at the index for the first time and goes on in the background until the lifecycle ends. */
export async function keepIndex(
  parts: Pick<IndexKeeperOptions, 'index' | 'log' | 'directory' | 'removed'>,
  { reindex }: WorkerConfig,
  service: Service,
): Promise<void> {
  const { lifecycle, readiness, metrics } = service;
  const warn = quietWarnings(() => lifecycle.log);
  const keeper = new IndexKeeper({
    ...parts,
    reindex,
    events: {
      changed: (state, before) => tell(service, state, before),
      rebuilt: ({ records, elapsedMs }) => {
        const took = formatDurationMs(Math.round(elapsedMs));
        lifecycle.log.info('the record index was made anew', { records, took });
      },
      failed: (what, error) => {
        const why = error instanceof Error ? error.message : String(error);
        warn(`${what} of the record index failed: ${why}`);
      },
    },
  });
  defineKeeperMetrics(metrics, keeper);
  readiness.addNote({ name: 'record index', note: () => noteOf(keeper.state) });
  await service.await('the record index', () => keeper.start());
  lifecycle.add('record index', keeper);
}

/** Defines the metrics of what keeps an index whole. */
export function defineKeeperMetrics(metrics: Metrics, keeper: Pick<IndexKeeper, 'state'>): void {
  const { whole, rebuilt } = metrics.define({
    whole: {
      type: 'gauge',
      name: 'mosaic_index_whole',
      help: 'Whether the record index has all that was acknowledged: 1, or 0 while answers may lack records.',
      remedy:
        'See its rebuild; the log and /readyz say why. With MOSAIC_REINDEX off: mosaic-admin reindex.',
    },
    rebuilt: {
      type: 'gauge',
      name: 'mosaic_index_rebuild_progress_ratio',
      help: 'Of the rebuild that this process does: the part of the bytes that is done; 1 where it does none.',
    },
  });
  whole.readFrom(() => (keeper.state.is === 'whole' ? 1 : 0));
  rebuilt.readFrom(() => progressOf(keeper.state));
}

function tell({ lifecycle: { log } }: Service, state: IndexState, before: IndexState): void {
  const note = noteOf(state);
  if (note !== undefined) log.warn(note);
  else if (before.is !== 'unknown') log.info('the record index is whole again');
}

/** How an index stands, in a sentence; undefined: it is whole. */
function noteOf(state: IndexState): string | undefined {
  switch (state.is) {
    case 'whole':
      return undefined;
    case 'rebuilding':
      return 'answers lack records until the index is made anew from the segments, here';
    case 'rebuilding-elsewhere':
      return 'answers lack records until another worker has made the index anew';
    case 'incomplete':
      return `answers may lack records: ${state.why}`;
    case 'unknown':
      return `it is not known whether answers lack records: ${state.why}`;
  }
}

function progressOf(state: IndexState): number {
  if (state.is !== 'rebuilding') return 1;
  const { bytesDone, bytesTotal } = state.progress;
  return bytesTotal === 0 ? 1 : bytesDone / bytesTotal;
}
