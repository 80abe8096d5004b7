/** Every bound and time of the bus between processes, and what happens there. */

/** The bounds; docs/bus.md explains the times. */
export interface BusLimits {
  /** How long the first connection is tried for; then the start fails. */
  readonly startTimeoutMs: number;
  /** How long one attempt to connect may take. */
  readonly connectTimeoutMs: number;
  /** The server is asked for a sign of life this often; after three without one it is left. */
  readonly pingIntervalMs: number;
  /** A request without an answer fails then, as `unavailable`. */
  readonly requestTimeoutMs: number;
  /** A request that found nobody is sent again after this. */
  readonly retryPauseMs: number;
  /** After a lost connection, requests go on asking where nobody is there for so long. */
  readonly reconnectSettleMs: number;
  /** Requests that wait for answers; one more fails as `limited`. */
  readonly requestsMax: number;
  /** Bytes of the requests that wait for answers; one more fails as `limited`. */
  readonly requestBytesMax: number;
  /** Requests being served; one more is answered `limited`. */
  readonly servedMax: number;
  /** Bytes of the requests being served; one more is answered `limited`. */
  readonly servedBytesMax: number;
  /** Bytes of one reply in parts; a larger one fails as `corrupt`. */
  readonly replyBytesMax: number;
  /** Bytes on the way to the server; past them live records are dropped, which listeners notice. */
  readonly unsentBytesMax: number;
  /** How long a role that nobody served counts as absent. */
  readonly absenceMs: number;
  readonly beatIntervalMs: number;
  /** A publisher that is silent for so long may be gone, with records it has not published. */
  readonly silenceMs: number;
  /** Between receiving a record and publishing it. */
  readonly gapMarginMs: number;
  readonly syncTimeoutMs: number;
  /** After so long, a new interest is known everywhere, whatever went wrong at first. */
  readonly settleMs: number;
  readonly discoveryMs: number;
  readonly offerTimeoutMs: number;
  readonly tagsMax: number;
  readonly tagCopyBytesMax: number;
  readonly readerCopyBytesMax: number;
  /** Publishers that are remembered; beyond, the one heard longest ago is forgotten. */
  readonly publishersMax: number;
  /** Questions of operators that a process answers at a time; one more gets no answer from it. */
  readonly questionsMax: number;
  /** How long leaving may take; then the connection is cut. */
  readonly closeTimeoutMs: number;
}

/** Used where nothing else is said. */
export const BUS_LIMITS: BusLimits = {
  startTimeoutMs: 30_000,
  connectTimeoutMs: 5_000,
  pingIntervalMs: 5_000,
  requestTimeoutMs: 10_000,
  retryPauseMs: 100,
  reconnectSettleMs: 2_000,
  requestsMax: 4_096,
  requestBytesMax: 67_108_864,
  servedMax: 1_024,
  servedBytesMax: 134_217_728,
  replyBytesMax: 67_108_864,
  unsentBytesMax: 33_554_432,
  absenceMs: 1_000,
  beatIntervalMs: 1_000,
  silenceMs: 5_000,
  gapMarginMs: 10_000,
  syncTimeoutMs: 1_000,
  settleMs: 5_000,
  discoveryMs: 300,
  offerTimeoutMs: 250,
  tagsMax: 32,
  tagCopyBytesMax: 262_144,
  readerCopyBytesMax: 4_194_304,
  publishersMax: 1_024,
  questionsMax: 8,
  closeTimeoutMs: 10_000,
};

/** What a message must be able to carry: a record of 1 MiB and its envelope. */
export const PAYLOAD_BYTES_MIN = 1_114_112;
