/** What the bus of a process counts, as metrics. */
import type { BusCounters, NatsBus } from '@mosaic-cluster/bus/nats';
import type { Metrics } from '@mosaic-cluster/runtime';

const totals: Readonly<
  Record<keyof BusCounters, readonly [`mosaic_bus_${string}`, string, string?]>
> = {
  requests: ['mosaic_bus_requests_total', 'Requests sent to other processes.'],
  requestsRepeated: ['mosaic_bus_requests_repeated_total', 'Requests sent a second time.'],
  requestsTimedOut: [
    'mosaic_bus_requests_timed_out_total',
    'Requests that nobody answered.',
    'A worker hangs or is overloaded: see the requests of roles.',
  ],
  requestsWithoutResponder: [
    'mosaic_bus_requests_without_responder_total',
    'Requests that found nobody who serves the role, twice.',
    'No worker of a role runs or reaches NATS.',
  ],
  requestsRefused: [
    'mosaic_bus_requests_refused_total',
    'Requests not sent because too many wait for answers.',
    'Roles are slower than requests come: add workers.',
  ],
  served: ['mosaic_bus_served_total', 'Requests of other processes answered.'],
  servedRefused: [
    'mosaic_bus_served_refused_total',
    'Requests of other processes refused because too many are being served.',
    'The worker is overloaded: add workers.',
  ],
  livePublished: ['mosaic_bus_live_published_total', 'Live records published.'],
  liveDropped: [
    'mosaic_bus_live_dropped_total',
    'Live records not published because NATS did not take them; those who listen notice.',
    'NATS is slow or away; subscriptions catch up from storage.',
  ],
  liveReceived: ['mosaic_bus_live_received_total', 'Live records that arrived.'],
  gaps: [
    'mosaic_bus_gaps_total',
    'Times at which live records may have been missed.',
    'Rare ones mend themselves. Many: NATS loses connections, or slow consumers.',
  ],
  syncTimeouts: [
    'mosaic_bus_sync_timeouts_total',
    'Interests that not all publishers confirmed in time.',
  ],
  disconnects: [
    'mosaic_bus_disconnects_total',
    'Connections to NATS lost.',
    'See the log of NATS: a restart, a slow consumer, the network.',
  ],
  reconnects: ['mosaic_bus_reconnects_total', 'Connections to NATS found again.'],
  forbiddenPublishes: [
    'mosaic_bus_forbidden_publishes_total',
    'Messages that NATS did not let this process publish.',
    'The permissions of this NATS user lack a subject, which the log names.',
  ],
  forbiddenSubscriptions: [
    'mosaic_bus_forbidden_subscriptions_total',
    'Subscriptions that NATS did not let this process have.',
    'As above.',
  ],
  malformed: [
    'mosaic_bus_malformed_total',
    'Messages that were broken or not for this bus.',
    'Somebody else uses these subjects, or a version that is too old: see MOSAIC_NATS_NAMESPACE.',
  ],
};

/** Has the metrics of a process say what its bus counts. */
export function defineBusMetrics(metrics: Metrics, bus: NatsBus): void {
  for (const [key, [name, help, remedy]] of Object.entries(totals)) {
    const { it } = metrics.define({
      it: { type: 'counter', name, help, ...(remedy && { remedy }) },
    });
    it.readFrom(() => bus.counters[key as keyof BusCounters]);
  }
  const { connected, subjects } = metrics.define({
    connected: {
      type: 'gauge',
      name: 'mosaic_bus_connected',
      help: 'Whether there is a connection to NATS: 1 or 0.',
      remedy: 'NATS is down or unreachable from here; the process connects again by itself.',
    },
    subjects: {
      type: 'gauge',
      name: 'mosaic_bus_live_subjects',
      help: 'Subjects listened to for live records.',
    },
  });
  connected.readFrom(() => (bus.isConnected ? 1 : 0));
  subjects.readFrom(() => bus.subjectsHeard);
}
