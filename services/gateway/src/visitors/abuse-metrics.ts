/** What abuse control counts, as metrics. */
import {
  BUDGETS,
  type CountedAbuseControl,
  HOLDINGS,
  OFFENCES,
  TURN_AWAY_RESULTS,
} from '@mosaic-cluster/abuse';
import type { Metrics } from '@mosaic-cluster/runtime';
import { nameOf } from '../gateway-metrics.ts';

const LIMITS = [...BUDGETS, ...HOLDINGS] as const;

/** Has the metrics of a process say what abuse control counts. */
export function defineAbuseMetrics(metrics: Metrics, control: CountedAbuseControl): void {
  const { counters } = control;
  const defined = metrics.define({
    exceeded: {
      type: 'counter',
      name: 'mosaic_limits_exceeded_total',
      help: 'What was refused because a budget was used up or too much was open, by limit.',
      remedy:
        'Few clients: that is what limits are for. Honest ones: see who with mosaic-admin limits, and raise that budget.',
      labels: { limit: LIMITS },
    },
    turnedAway: {
      type: 'counter',
      name: 'mosaic_turned_away_total',
      help: 'Connections turned away or ended for bans and limits, by result.',
      remedy: 'Many at once: an attack, or a balancer that hides addresses (balancers.md).',
      labels: { result: TURN_AWAY_RESULTS.map(nameOf) },
    },
    offences: {
      type: 'counter',
      name: 'mosaic_offences_total',
      help: 'What clients did that earns penalties, by kind.',
      remedy: 'A new kind after an update of a client: tell its authors.',
      labels: { offence: OFFENCES },
    },
    earnedBans: {
      type: 'counter',
      name: 'mosaic_earned_bans_total',
      help: 'Bans earned by penalties that this process has heard of.',
      remedy: 'See whom with mosaic-admin bans list; a wrong one ends with bans remove.',
    },
    bans: { type: 'gauge', name: 'mosaic_bans', help: 'Bans of operators in force.' },
    fault: {
      type: 'gauge',
      name: 'mosaic_abuse_control_fault',
      help: '1 while limits hold for this process alone, or bans may be outdated.',
      remedy: 'Redis is away; /readyz says since when. Service goes on.',
    },
  });
  for (const limit of LIMITS) {
    defined.exceeded.with({ limit }).readFrom(() => counters.exceeded[limit]);
  }
  for (const code of TURN_AWAY_RESULTS) {
    const result = nameOf(code);
    defined.turnedAway.with({ result }).readFrom(() => counters.turnedAway.get(code) ?? 0);
  }
  for (const offence of OFFENCES) {
    defined.offences.with({ offence }).readFrom(() => counters.offences[offence]);
  }
  defined.earnedBans.readFrom(() => counters.earnedBans);
  defined.bans.readFrom(() => control.banCount);
  defined.fault.readFrom(() => (control.fault() === undefined ? 0 : 1));
}
