/** The query mixes: 16 connections, each asking one question after the other. */
import type { QueryMixName } from '../generator/query-mix.ts';
import { figuresOf, type Scenario } from '../scenario.ts';

const CONNECTIONS = 16;

interface MixShape {
  readonly mix: QueryMixName;
  readonly title: string;
  /** Questions measured; half as many come before, to warm up. */
  readonly count: number;
}

const SHAPES: readonly MixShape[] = [
  { mix: 'author', title: 'query: an author, newest 20', count: 12_000 },
  { mix: 'tag', title: 'query: a tag, newest 20', count: 12_000 },
  { mix: 'ids-10', title: 'get: 10 by ID', count: 12_000 },
  { mix: 'ids-1', title: 'get: 1 by ID', count: 20_000 },
  { mix: 'window', title: 'query: a time window, 100 results', count: 5_000 },
  { mix: 'authors-50', title: 'query: 50 authors, newest 50', count: 5_000 },
];

/** The query scenarios. */
export const queryScenarios: readonly Scenario[] = SHAPES.map(({ mix, title, count: full }) => ({
  name: `query-${mix}`,
  title,
  unit: 'query',
  server: 'filled',
  async run({ generator, watch, scaled, store }) {
    const count = scaled(full);
    await generator.call('open', { pool: 'clients', connections: CONNECTIONS });
    await generator.call('prepareQuestions', { mix, store });
    await generator.call('ask', { count: Math.ceil(count / 2) });
    const { result, cost } = await watch.measure(() => generator.call('ask', { count }));
    await generator.call('close', { pool: 'clients' });
    return figuresOf(result, cost);
  },
}));
