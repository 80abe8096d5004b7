/** What a gateway tells those who measure it, besides what it counts by itself. */

/** Requests that are answered with stored records. */
export const STORED_REQUESTS = ['get', 'query', 'subscribe'] as const;

/** One of them. */
export type StoredRequest = (typeof STORED_REQUESTS)[number];

/** Events of a gateway. Times are in seconds; traces are named where a request is traced. */
export interface GatewayEvents {
  /** A role has answered a submission. */
  submissionAnswered?(seconds: number, traceId?: string): void;
  /** A batch of submissions goes to a role. */
  batchSent?(records: number): void;
  /** All stored records of a request were written. */
  storedSent?(request: StoredRequest, seconds: number, traceId?: string): void;
  /** A get, query or subscribe ended before that, for a reason that is not its client's. */
  storedFailed?(request: StoredRequest): void;
  /** What a role published together was written, so long after the first of it was received. */
  liveDelivered?(seconds: number): void;
}
