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

/** Bytes of a message on the bus besides its record: headers, subject, and what the protocol adds. */
export const MESSAGE_BYTES = 200;

/** Milliseconds over which a worker gathers a commit: `commitIntervalMs` of docs/limits.md. */
export const COMMIT_INTERVAL_MS = 10;

/** Connections of one gateway's listener by default: `MOSAIC_CONNECTIONS_MAX`. */
export const CONNECTIONS_PER_GATEWAY = 10_000;
