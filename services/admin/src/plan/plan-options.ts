/** The options of `mosaic-admin plan`, and the load that they describe. */
import { usageError } from '@mosaic-cluster/client/command';
import { formatBytes, parseBytes, parseDurationMs } from '@mosaic-cluster/runtime';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { LIST_PRICES } from './measured.ts';
import { type Load, PLANNED_ROLES } from './plan.ts';

/** What the command line says. */
export interface PlanOptions {
  readonly recordsPerSecond?: number;
  readonly recordsPerDay?: number;
  readonly recordBytes: number;
  readonly shares: Load['shares'];
  readonly users: number;
  readonly connections: number;
  readonly queriesPerSecond: number;
  readonly recordsPerQuery: number;
  readonly uncached: number;
  readonly deliveries: number;
  readonly retention: number;
  readonly peak: number;
  readonly putMs: number;
  readonly compaction: boolean;
  readonly redisMaster: number;
  readonly priceGigabyteMonth: number;
  readonly priceThousandPuts: number;
  readonly priceThousandGets: number;
  readonly json?: true;
}

const SECONDS_PER_DAY = 86_400;
const RETENTION_DAYS_MAX = 36_500;

/** Adds them, with what they are by default. */
export function addPlanOptions(command: Command): Command {
  const count = amount(0, 1e12);
  const rate = amount(0, 1e7);
  const price = amount(0, 1e6);
  return command
    .addOption(
      new Option('--records-per-second <n>', 'records that come in, on average').argParser(rate),
    )
    .addOption(new Option('--records-per-day <n>', 'the same by the day').argParser(count))
    .option('--record-bytes <size>', 'of a record, on average', bytesTo(2 ** 20), 600)
    .addOption(
      new Option('--shares <a,b,c>', 'percent of the records of outbox, inbox, encryption')
        .argParser(parseShares)
        .default({ outbox: 0.7, inbox: 0.2, encryption: 0.1 }, '70,20,10'),
    )
    .addOption(
      new Option('--retention <duration>', 'for how long records come in')
        .argParser(days)
        .default(365, '365d'),
    )
    .option('--users <n>', 'registered users', count, 0)
    .option('--connections <n>', 'open at a time', amount(0, 1e8), 0)
    .option('--queries-per-second <n>', 'on average', rate, 0)
    .option('--records-per-query <n>', 'records that a query brings', amount(0, 10_000), 20)
    .option('--uncached <ratio>', 'part of these that no worker has in memory', amount(0, 1), 0.1)
    .option('--deliveries <n>', 'clients that a record is sent to live', amount(0, 1e6), 5)
    .option('--peak <n>', 'the busiest minutes, in averages', amount(1, 1000), 3)
    .option('--put-ms <n>', 'what the object store takes to store something', amount(0, 30_000), 30)
    .addOption(
      new Option('--redis-master <size>', 'maxmemory of one Redis master')
        .argParser(bytesTo(2 ** 50))
        .default(2 ** 36, '64GiB'),
    )
    .option('--no-compaction', 'nobody runs mosaic-admin compact')
    .option(
      '--price-gigabyte-month <n>',
      'price of a gigabyte for a month',
      price,
      LIST_PRICES.gigabyteMonth,
    )
    .option(
      '--price-thousand-puts <n>',
      'price of 1,000 writing requests',
      price,
      LIST_PRICES.thousandPuts,
    )
    .option(
      '--price-thousand-gets <n>',
      'price of 1,000 reading requests',
      price,
      LIST_PRICES.thousandGets,
    )
    .option('--json', 'print the result as JSON');
}

/** The load. @throws MosaicError `invalid` (`usage`) where it is not said how much comes in */
export function loadOf(options: PlanOptions): Load {
  const { recordsPerSecond, recordsPerDay } = options;
  if ((recordsPerSecond === undefined) === (recordsPerDay === undefined)) {
    throw usageError(
      '--records-per-second',
      'how many records come in must be said, and once',
      'Give --records-per-second or --records-per-day.',
    );
  }
  return {
    recordsPerSecond: recordsPerSecond ?? recordsPerDay! / SECONDS_PER_DAY,
    recordBytes: options.recordBytes,
    shares: options.shares,
    users: options.users,
    connections: options.connections,
    queriesPerSecond: options.queriesPerSecond,
    recordsPerQuery: options.recordsPerQuery,
    uncached: options.uncached,
    deliveriesPerRecord: options.deliveries,
    days: options.retention,
    peak: options.peak,
    putMs: options.putMs,
    isCompacted: options.compaction,
    redisMasterBytes: options.redisMaster,
    prices: {
      gigabyteMonth: options.priceGigabyteMonth,
      thousandPuts: options.priceThousandPuts,
      thousandGets: options.priceThousandGets,
    },
  };
}

function amount(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+(\.\d+)?$/.test(text) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(
      `Give a number from ${min} to ${max.toLocaleString('en-US')}, like 20 or 0.5.`,
    );
  };
}

function bytesTo(max: number): (text: string) => number {
  return (text) => {
    const bytes = parseBytes(text);
    if (bytes !== undefined && bytes > 0 && bytes <= max) return bytes;
    throw new InvalidArgumentError(
      `Give a size like 600 or 2KiB, more than 0, at most ${formatBytes(max)}.`,
    );
  };
}

function days(text: string): number {
  const number = (parseDurationMs(text) ?? Number.NaN) / (SECONDS_PER_DAY * 1000);
  if (number > 0 && number <= RETENTION_DAYS_MAX) return number;
  throw new InvalidArgumentError(`Give a duration like 30d, at most ${RETENTION_DAYS_MAX}d.`);
}

function parseShares(text: string): Load['shares'] {
  const parts = /^\d+,\d+,\d+$/.test(text) ? text.split(',').map(Number) : [];
  if (parts.reduce((a, b) => a + b, 0) !== 100) {
    throw new InvalidArgumentError(
      `Give three whole percentages that make 100, of ${PLANNED_ROLES.join(', ')}: 70,20,10.`,
    );
  }
  const [outbox, inbox, encryption] = parts as [number, number, number];
  return { outbox: outbox / 100, inbox: inbox / 100, encryption: encryption / 100 };
}
