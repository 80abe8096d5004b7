/** Idle connections: what a connection costs that does nothing. */
import { costFigures, type Scenario } from '../scenario.ts';

const CONNECTIONS = 5_000;

/** The idle connections. */
export const idleScenario: Scenario = {
  name: 'idle',
  title: 'idle connections: memory each',
  unit: 'connection',
  server: 'new',
  async run({ generator, watch, scaled }) {
    const connections = scaled(CONNECTIONS);
    // Some come and go first, so that what the first ones take once is not counted as everybody's.
    // Not as many as are measured: they would leave memory behind that is then used again.
    await generator.call('open', { pool: 'subscribers', connections: Math.ceil(connections / 10) });
    await generator.call('close', { pool: 'subscribers' });
    const before = await watch.quiet();
    const { cost } = await watch.measure(() =>
      generator.call('open', { pool: 'clients', connections }),
    );
    // They are idle, not dead.
    await generator.call('ping', { pool: 'clients' });
    await generator.call('close', { pool: 'clients' });
    const { rssBytes } = cost;
    if (before === undefined || rssBytes === undefined) return { operations: connections };
    return {
      operations: connections,
      ...costFigures(connections, cost),
      kilobytesEach: (rssBytes - before.rssBytes) / 1000 / connections,
    };
  },
};
