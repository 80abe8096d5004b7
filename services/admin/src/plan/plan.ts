/** How large a cluster must be for a load: arithmetic over measured figures, and nothing else. */
import {
  COMMIT_INTERVAL_MS,
  COMPACTION,
  CONNECTIONS_PER_GATEWAY,
  CPU_MICROS,
  MESSAGE_BYTES,
  REDIS_BYTES,
  SEGMENT_BYTES,
} from './measured.ts';

/** The roles of a cluster. */
export const PLANNED_ROLES = ['outbox', 'inbox', 'encryption'] as const;
/** One of them. */
export type PlannedRole = (typeof PLANNED_ROLES)[number];

/** What a cluster is to bear. Numbers are finite and not negative. */
export interface Load {
  /** On average over a day. */
  readonly recordsPerSecond: number;
  readonly recordBytes: number;
  /** How much of the records each role gets; together 1. */
  readonly shares: Readonly<Record<PlannedRole, number>>;
  readonly users: number;
  /** Open at a time. */
  readonly connections: number;
  /** On average over a day. */
  readonly queriesPerSecond: number;
  readonly recordsPerQuery: number;
  /** The part of the records asked for that no worker has in memory: 0 to 1. */
  readonly uncached: number;
  /** Clients that a record is sent to live. */
  readonly deliveriesPerRecord: number;
  /** How long records come in that are all kept. */
  readonly days: number;
  /** What the busiest minutes have of the average: at least 1. */
  readonly peak: number;
  /** What the object store takes to store a small object. */
  readonly putMs: number;
  /** Whether `mosaic-admin compact` runs every night. */
  readonly isCompacted: boolean;
  /** `maxmemory` of one Redis master. */
  readonly redisMasterBytes: number;
  readonly prices: Prices;
}

/** In one currency, whichever that is. */
export interface Prices {
  readonly gigabyteMonth: number;
  readonly thousandPuts: number;
  readonly thousandGets: number;
}

/** How many processes, and how busy one core each makes them at the peak. */
export interface Processes {
  readonly count: number;
  /** Cores that all of them together use at the peak. */
  readonly cores: number;
}

/** What the load takes. Months have 30 days; a gigabyte 10⁹ bytes. */
export interface Plan {
  readonly recordsHeld: number;
  readonly gateways: Processes;
  readonly workers: Readonly<Record<PlannedRole, Processes>>;
  /** Masters; `bytes` of all of them, `maxmemoryBytes` with room for growth and copies. */
  readonly redis: Processes & { readonly bytes: number; readonly maxmemoryBytes: number };
  readonly nats: {
    /** At the peak. */
    readonly bytesInPerSecond: number;
    readonly bytesOutPerSecond: number;
    readonly cores: number;
  };
  readonly objects: {
    readonly segmentsHeld: number;
    readonly bytesHeld: number;
    readonly recordsPerSegment: number;
    readonly putsPerMonth: number;
    readonly getsPerMonth: number;
    /** Reading every segment once: a rebuild of all indexes, or a whole `verify`. */
    readonly getsPerScan: number;
  };
  /** Core hours of workers that making all indexes anew takes. */
  readonly rebuildCoreHours: number;
  /** Per month, when the time is over. */
  readonly cost: {
    readonly storage: number;
    readonly puts: number;
    readonly gets: number;
    readonly scan: number;
  };
}

const SECONDS_PER_DAY = 86_400;
const DAYS_PER_MONTH = 30;
/** The part of a core up to which a process is planned to be busy at the peak. */
const BUSY_MAX = 0.6;
/** So that one may go, to be upgraded or by accident. */
const PROCESSES_MIN = 2;
/** Of Redis' memory, what the data is planned to take: the rest is for fragments and copies of pages. */
const REDIS_FILL = 0.6;

/**
 * Commits that a worker begins in a second, where records come in by chance. It has one under way at a
 * time, and begins none within the interval after the last: what comes meanwhile gathers, and what
 * comes after a pause is stored at once.
 *
 * @param rate records per second that reach this worker
 * @param putMs what the object store takes to store one
 */
export function commitsPerSecond(rate: number, putMs: number): number {
  if (rate === 0) return 0;
  const busy = Math.max(COMMIT_INTERVAL_MS, putMs) / 1000;
  return 1 / (busy + Math.exp(-rate * busy) / rate);
}

/** Reckons what a load takes. */
export function planOf(load: Load): Plan {
  const recordsHeld = load.recordsPerSecond * SECONDS_PER_DAY * load.days;
  const workers = {
    outbox: workersOf('outbox', load),
    inbox: workersOf('inbox', load),
    encryption: workersOf('encryption', load),
  };
  const gateways = gatewaysOf(load);
  const objects = objectsOf(load, workers, recordsHeld);
  const { prices } = load;
  const callHours = (objects.getsPerScan * CPU_MICROS.objectCall) / 3.6e9;
  return {
    recordsHeld,
    gateways,
    workers,
    redis: redisOf(load, recordsHeld),
    nats: natsOf(load, gateways.count),
    objects,
    rebuildCoreHours: callHours + (recordsHeld * CPU_MICROS.rebuilt) / 3.6e9,
    cost: {
      storage: (objects.bytesHeld / 1e9) * prices.gigabyteMonth,
      puts: (objects.putsPerMonth / 1000) * prices.thousandPuts,
      gets: (objects.getsPerMonth / 1000) * prices.thousandGets,
      scan: (objects.getsPerScan / 1000) * prices.thousandGets,
    },
  };
}

/** As many as `cores` need of one core each. */
function processes(cores: number, least: number): Processes {
  return { count: Math.max(least, Math.ceil(cores / BUSY_MAX)), cores };
}

function workersOf(role: PlannedRole, load: Load): Processes {
  const records = load.recordsPerSecond * load.peak * load.shares[role];
  const queries = load.queriesPerSecond * load.peak;
  const busy = records * CPU_MICROS.record.worker + queries * CPU_MICROS.query[role];
  let planned = processes(busy / 1e6, PROCESSES_MIN);
  // More workers store more, smaller segments, and each of these costs a call. A worker's calls are
  // bounded by its interval at a quarter of a core, so this comes to an end.
  for (;;) {
    const calls = planned.count * commitsPerSecond(records / planned.count, load.putMs);
    const next = processes((busy + calls * CPU_MICROS.objectCall) / 1e6, PROCESSES_MIN);
    if (next.count <= planned.count) return { count: planned.count, cores: next.cores };
    planned = next;
  }
}

function gatewaysOf(load: Load): Processes {
  const records = load.recordsPerSecond * load.peak;
  const ofRecord = CPU_MICROS.record.gateway + load.deliveriesPerRecord * CPU_MICROS.delivery;
  const ofQueries = load.queriesPerSecond * load.peak * CPU_MICROS.query.gateway;
  // What one that goes leaves behind must find room at the others.
  const forConnections = Math.ceil(load.connections / CONNECTIONS_PER_GATEWAY) + 1;
  const cores = (records * ofRecord + ofQueries) / 1e6;
  return processes(cores, Math.max(PROCESSES_MIN, forConnections));
}

function redisOf(load: Load, recordsHeld: number): Plan['redis'] {
  // Each connection is charged to its address and, with a proven key, to that.
  const subjects = load.connections * 2;
  const bytes =
    recordsHeld * REDIS_BYTES.record +
    load.users * REDIS_BYTES.user +
    subjects * REDIS_BYTES.subject;
  const micros =
    load.recordsPerSecond * CPU_MICROS.record.redis +
    load.queriesPerSecond * CPU_MICROS.query.redis;
  const maxmemoryBytes = bytes / REDIS_FILL;
  const forMemory = Math.max(1, Math.ceil(maxmemoryBytes / load.redisMasterBytes));
  return { ...processes((micros * load.peak) / 1e6, forMemory), bytes, maxmemoryBytes };
}

function natsOf(load: Load, gateways: number): Plan['nats'] {
  const message = load.recordBytes + MESSAGE_BYTES;
  const records = load.recordsPerSecond * load.peak;
  const queries = load.queriesPerSecond * load.peak;
  const pages = queries * (load.recordsPerQuery * message + PLANNED_ROLES.length * MESSAGE_BYTES);
  // Once as a submission to one worker, once live to no more gateways than have a client for it.
  const listening = Math.min(gateways, load.deliveriesPerRecord);
  return {
    bytesInPerSecond: records * message * 2 + pages,
    bytesOutPerSecond: records * message * (1 + listening) + pages,
    cores: (records * CPU_MICROS.record.nats + queries * CPU_MICROS.query.nats) / 1e6,
  };
}

function objectsOf(load: Load, workers: Plan['workers'], recordsHeld: number): Plan['objects'] {
  const putsPerSecond = PLANNED_ROLES.reduce((sum, role) => {
    const { count } = workers[role];
    const rate = (load.recordsPerSecond * load.shares[role]) / count;
    return sum + count * commitsPerSecond(rate, load.putMs);
  }, 0);
  const segmentsPerDay = putsPerSecond * SECONDS_PER_DAY;
  const { align, entry, each } = SEGMENT_BYTES;
  const stored = Math.ceil(load.recordBytes / align) * align + entry;
  const month = SECONDS_PER_DAY * DAYS_PER_MONTH;
  const bytes = recordsHeld * stored;
  const small =
    segmentsPerDay * (load.isCompacted ? Math.min(load.days, COMPACTION.days) : load.days);
  const joined = segmentsPerDay * load.days - small;
  const joinedPart = small + joined === 0 ? 0 : joined / (small + joined);
  const segmentsHeld = small + Math.ceil((bytes * joinedPart) / COMPACTION.segmentBytes);
  const ofJoins =
    recordsHeld * joinedPart * COMPACTION.recordBytes + joined * COMPACTION.sourceBytes;
  const fetched = load.queriesPerSecond * load.recordsPerQuery * load.uncached;
  return {
    segmentsHeld,
    bytesHeld: bytes + segmentsHeld * each + ofJoins,
    recordsPerSegment: segmentsHeld === 0 ? 0 : recordsHeld / segmentsHeld,
    putsPerMonth: putsPerSecond * month,
    // Each small segment is read once to be joined.
    getsPerMonth: fetched * month + (load.isCompacted ? segmentsPerDay * DAYS_PER_MONTH : 0),
    getsPerScan: segmentsHeld,
  };
}
