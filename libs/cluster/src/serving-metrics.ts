/** Where a process is in its life, as metrics: one that does not end when it should is seen there. */
import type { Metrics, Readiness } from '@mosaic-cluster/runtime';

const STATES = ['starting', 'serving', 'draining'] as const;

/** Defines the metrics of a process's life. */
export function defineServingMetrics(metrics: Metrics, readiness: Pick<Readiness, 'state'>): void {
  const { state } = metrics.define({
    state: {
      type: 'gauge',
      name: 'mosaic_process_state',
      help: '1 for the state that the process is in, 0 for the others: it starts and waits for what it depends on, serves, or takes nothing more and ends.',
      remedy:
        'Starting for long: /readyz says for what it waits. Draining for longer than its drain time: the log says what it waits for to close.',
      labels: { state: STATES },
    },
  });
  for (const each of STATES) {
    state.with({ state: each }).readFrom(() => (readiness.state === each ? 1 : 0));
  }
}
