/** Fan-out: everybody gets everything, at a steady pace and as fast as it goes. */
import { figuresOf, type Scenario } from '../scenario.ts';

const SUBSCRIBERS = 200;
const PER_SECOND = 50;
/** At full rate, records that are not yet with everybody. */
const IN_FLIGHT = 32;

interface FanOutShape {
  readonly name: string;
  readonly title: string;
  readonly perSecond?: number;
  /** Records measured; a quarter of that comes before, to warm up. */
  readonly count: number;
}

const SHAPES: readonly FanOutShape[] = [
  {
    name: 'fan-out-paced',
    title: `fan-out: ${SUBSCRIBERS} subscribers, ${PER_SECOND} records/s`,
    perSecond: PER_SECOND,
    count: 600,
  },
  {
    name: 'fan-out',
    title: `fan-out: ${SUBSCRIBERS} subscribers, full rate`,
    count: 2_400,
  },
];

/** The fan-out scenarios. */
export const fanOutScenarios: readonly Scenario[] = SHAPES.map((shape) => ({
  name: shape.name,
  title: shape.title,
  unit: 'delivery',
  server: 'new',
  async run({ generator, watch, scaled, takeRecords }) {
    const count = scaled(shape.count);
    const { perSecond } = shape;
    const options = { inFlight: IN_FLIGHT, ...(perSecond !== undefined && { perSecond }) };
    await generator.call('open', { pool: 'subscribers', connections: SUBSCRIBERS });
    await generator.call('open', { pool: 'publisher', connections: 1 });
    await generator.call('subscribeToAll');
    await generator.call('load', await takeRecords(Math.ceil(count / 4)));
    // As fast as it goes, also for the steady pace: it makes the code warm, not the queue.
    await generator.call('fanOut', { inFlight: IN_FLIGHT });
    await generator.call('load', await takeRecords(count));
    const { result, cost } = await watch.measure(() => generator.call('fanOut', options));
    await generator.call('close', { pool: 'subscribers' });
    await generator.call('close', { pool: 'publisher' });
    return figuresOf(result, cost);
  },
}));
