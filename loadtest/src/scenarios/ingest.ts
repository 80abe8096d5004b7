/** Ingest: records in, acknowledged when they are safe. */
import { figuresOf, type Scenario } from '../scenario.ts';

interface IngestShape {
  readonly name: string;
  readonly title: string;
  readonly connections: number;
  readonly inFlight: number;
  /** Records measured; a quarter of that comes before, to warm up. */
  readonly count: number;
}

const SHAPES: readonly IngestShape[] = [
  {
    name: 'bulk-import',
    title: 'bulk import: 1 connection, 1,024 in flight',
    connections: 1,
    inFlight: 1_024,
    count: 24_000,
  },
  {
    name: 'ingest',
    title: 'ingest: 16 connections, 32 in flight each',
    connections: 16,
    inFlight: 32,
    count: 24_000,
  },
  {
    name: 'ingest-one',
    title: 'ingest: 16 connections, one at a time each',
    connections: 16,
    inFlight: 1,
    count: 8_000,
  },
  {
    name: 'ingest-lone',
    title: 'ingest: 1 connection, one at a time',
    connections: 1,
    inFlight: 1,
    count: 1_200,
  },
];

/** The ingest scenarios. */
export const ingestScenarios: readonly Scenario[] = SHAPES.map((shape) => ({
  name: shape.name,
  title: shape.title,
  unit: 'record',
  server: 'filled',
  async run({ generator, watch, scaled, takeRecords }) {
    const { connections, inFlight } = shape;
    const count = scaled(shape.count);
    await generator.call('open', { pool: 'clients', connections });
    await generator.call('load', await takeRecords(Math.ceil(count / 4)));
    await generator.call('submit', { inFlight });
    await generator.call('load', await takeRecords(count));
    const { result, cost } = await watch.measure(() => generator.call('submit', { inFlight }));
    await generator.call('close', { pool: 'clients' });
    return figuresOf(result, cost);
  },
}));
