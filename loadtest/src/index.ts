/** Load scenarios for Mosaic servers; `npm run loadtest -- --help` is the way in. */
export { Histogram } from './histogram.ts';
export { measureAll, medianOf, type Progress, type ScenarioResult } from './measure.ts';
export { type Options, parseOptions, type ServerTarget } from './options.ts';
export type { Figures, Scenario, ScenarioContext } from './scenario.ts';
export { SCENARIOS } from './scenarios/index.ts';
