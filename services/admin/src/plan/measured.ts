/** What a plan reckons with: figures of the project's own measurements, explained in docs/sizing.md. */

/** Processor time in µs, of one core of the machine that docs/sizing.md names. */
export const CPU_MICROS = {
  /** One record in batches of many, by who takes it. */
  record: { gateway: 25, worker: 225, redis: 131, nats: 10 },
  /** The newest 20 records of an author; the encryption role is asked by those who proved a key. */
  query: { gateway: 342, outbox: 558, inbox: 379, encryption: 379, redis: 338, nats: 196 },
  /** One live record sent to one client. */
  delivery: 5.7,
  /** One call of the S3 client. */
  objectCall: 2_500,
  /** Reading one record of a segment again, and putting it into the index. */
  rebuilt: 69,
} as const;

/** Bytes of Redis. */
export const REDIS_BYTES = {
  /** A record of some ten index rows, of which one address keeps the newest only. */
  record: 285,
  /** A registered user without a note. */
  user: 62,
  /** An address, network or key that the limiter knows. */
  subject: 200,
} as const;

/** What surrounds records in a segment: docs/storage.md. */
export const SEGMENT_BYTES = {
  /** Header 64, frame 24, footer 24 and trailer 16 of a segment that holds one commit. */
  each: 128,
  /** An entry's own 16 bytes, and 8 for its line in the footer's table. */
  entry: 24,
  /** Records are filled up to a multiple of this. */
  align: 8,
} as const;

/** In dollars, of a large provider. */
export const LIST_PRICES = {
  gigabyteMonth: 0.023,
  thousandPuts: 0.005,
  thousandGets: 0.0004,
} as const;

/** What compaction makes of segments, where it runs every night: docs/storage.md. */
export const COMPACTION = {
  /** Bytes of a joined segment, on average: at most 32 MiB, and more than half of that. */
  segmentBytes: 25_165_824,
  /** Days from when a segment is stored until it is deleted: up to a day until the next run, and one kept. */
  days: 2,
  /** Of a join, for each record and for each segment that went into it. */
  recordBytes: 8,
  sourceBytes: 24,
} as const;

/** Bytes of a message on the bus besides its record: headers, subject, and what the protocol adds. */
export const MESSAGE_BYTES = 200;

/** Milliseconds over which a worker gathers a commit: `commitIntervalMs` of docs/limits.md. */
export const COMMIT_INTERVAL_MS = 10;

/** Connections of one gateway's listener by default: `MOSAIC_CONNECTIONS_MAX`. */
export const CONNECTIONS_PER_GATEWAY = 10_000;
