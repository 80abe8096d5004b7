/**
 * Selective fan-out: what 1,000 subscriptions that do not match cost a record. The same ingest runs
 * in turns with and without them, on connections that stay open, and the difference is the figure.
 */
import { type Figures, figuresOf, type Scenario, type ScenarioContext } from '../scenario.ts';

const SUBSCRIBERS = 1_000;
/** Subscribers whose authors publish in the end, to see that the subscriptions were there. */
const PROBED = 50;
/** Records of each ingest. */
const RECORDS = 8_000;
/** Ingests with the subscriptions, and as many without. */
const ROUNDS = 4;
const INGEST = { connections: 16, inFlight: 32 } as const;

async function ingest(context: ScenarioContext, count: number): Promise<Figures> {
  const { generator, watch, takeRecords } = context;
  await generator.call('load', await takeRecords(count));
  const { inFlight } = INGEST;
  const { result, cost } = await watch.measure(() => generator.call('submit', { inFlight }));
  return figuresOf(result, cost);
}

async function run(context: ScenarioContext): Promise<Figures> {
  const { generator } = context;
  const count = context.scaled(RECORDS);
  await generator.call('open', { pool: 'clients', connections: INGEST.connections });
  await generator.call('open', { pool: 'publisher', connections: 1 });
  await generator.call('open', { pool: 'subscribers', connections: SUBSCRIBERS });
  await ingest(context, count);
  const added: number[] = [];
  const last: Figures[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const without = await ingest(context, count);
    await generator.call('subscribeToOneEach');
    const figures = await ingest(context, count);
    await generator.call('deliverOneEach', context.takeNumbers(PROBED));
    await generator.call('unsubscribe');
    last.push(figures);
    if (figures.cpuMicrosEach === undefined || without.cpuMicrosEach === undefined) continue;
    added.push(figures.cpuMicrosEach - without.cpuMicrosEach);
  }
  for (const pool of ['clients', 'publisher', 'subscribers'] as const) {
    await generator.call('close', { pool });
  }
  const { cpuMicrosEach: _total, ...figures } = last.at(-1)!;
  if (added.length === 0) return figures;
  return { ...figures, cpuMicrosEach: added.reduce((sum, each) => sum + each, 0) / added.length };
}

/** The selective fan-out. */
export const selectiveScenario: Scenario = {
  name: 'selective',
  title: 'ingest with 1,000 subscribers to other authors: CPU added',
  unit: 'record',
  server: 'new',
  run,
};
