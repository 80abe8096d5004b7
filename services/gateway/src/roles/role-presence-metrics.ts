/** Which roles answer a gateway, as a metric: what an alert on a role that is away goes by. */
import type { RoleName } from '@mosaic-cluster/bus';
import type { Metrics } from '@mosaic-cluster/runtime';
import type { RolePresence } from './role-presence.ts';

/** Has the metrics of a gateway say which of its roles answer. */
export function defineRolePresenceMetrics(
  metrics: Metrics,
  presence: Pick<RolePresence, 'answers'>,
  roles: readonly RoleName[],
): void {
  const { answers } = metrics.define({
    answers: {
      type: 'gauge',
      name: 'mosaic_role_answers',
      help: 'Whether a worker of the role answers this gateway: 1, or 0 while its records are not to be had here.',
      remedy: 'See why the workers of the role do not run or are not reached: runbook role-away.',
      labels: { role: roles },
    },
  });
  for (const role of roles) answers.with({ role }).readFrom(() => (presence.answers(role) ? 1 : 0));
}
