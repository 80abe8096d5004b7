/**
 * What the embedded server says about itself on its health port: whether it lives, whether it can
 * find records, and its figures.
 */
import {
  type HostPort,
  type Lifecycle,
  type Metrics,
  Readiness,
  startHealthServer,
} from '@mosaic-cluster/runtime';
import type { OpenRole } from './open-roles.ts';

const CHECK_TIMEOUT_MS = 2000;

/** What the health port speaks of. */
export interface HealthDeps {
  readonly metrics: Metrics;
  readonly roles: readonly OpenRole[];
  readonly lifecycle: Lifecycle;
}

/**
 * Serves /livez, /readyz and /metrics until the lifecycle ends.
 *
 * @returns what says whether the server wants clients: to be told when it no longer does
 */
export async function openHealth(listen: HostPort, deps: HealthDeps): Promise<Readiness> {
  const { lifecycle, roles, metrics } = deps;
  const readiness = new Readiness({ checkTimeoutMs: CHECK_TIMEOUT_MS, log: lifecycle.log });
  // A disk that is full does not make a server unready: what it holds can be read.
  for (const { role, index } of roles) {
    readiness.addCheck({ name: `index of ${role}`, check: () => index.lookup([NO_RECORD]) });
  }
  const server = await startHealthServer({ listen, readiness, metrics, log: lifecycle.log });
  lifecycle.add('health server', server);
  readiness.setState('serving');
  return readiness;
}

/** An ID that no record has: its hash would have to be all zeros. */
const NO_RECORD: Uint8Array = new Uint8Array(48);
