/** All scenarios, in the order in which `all` runs them. */
import type { Scenario } from '../scenario.ts';
import { fanOutScenarios } from './fan-out.ts';
import { idleScenario } from './idle.ts';
import { ingestScenarios } from './ingest.ts';
import { queryScenarios } from './queries.ts';
import { selectiveScenario } from './selective.ts';

/** Queries come first: the store they ask is then the very one that was filled. */
export const SCENARIOS: readonly Scenario[] = [
  ...queryScenarios,
  ...ingestScenarios,
  ...fanOutScenarios,
  selectiveScenario,
  idleScenario,
];
