/**
 * The bound on what a verifier has taken on, in records and in bytes, and what happens beyond it:
 * the call is refused whole and at once, so that a flood is felt by those who send it and never
 * becomes memory.
 */
import { MosaicError, type RecordView } from '@mosaic-cluster/protocol';

/** Most records and bytes that may be pending. */
export interface AdmissionLimits {
  readonly queueRecordsMax: number;
  readonly queueBytesMax: number;
}

interface Waiter {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: MosaicError) => void;
}

function waiter(): Waiter {
  let resolve!: () => void;
  let reject!: (error: MosaicError) => void;
  const promise = new Promise<void>((onDone, onError) => {
    resolve = onDone;
    reject = onError;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** The error of everything asked of a verifier after `close()`. */
export function closedError(): MosaicError {
  return new MosaicError('closed', 'verifier-closed', 'the verifier is closed');
}

/** Counts what is pending. All who wait share one promise: waiting takes no memory per caller. */
export class Admission {
  readonly #limits: AdmissionLimits;
  #records = 0;
  #bytes = 0;
  #isClosed = false;
  #room: Waiter | undefined;
  #empty: Waiter | undefined;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  get records(): number {
    return this.#records;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes all of `records` on, or throws as `Verifier.verify` documents. */
  enter(records: readonly RecordView[]): void {
    if (this.#isClosed) throw closedError();
    const { queueRecordsMax, queueBytesMax } = this.#limits;
    let bytes = 0;
    for (const record of records) bytes += record.bytes.length;
    if (records.length > queueRecordsMax || bytes > queueBytesMax) {
      throw new MosaicError(
        'invalid',
        'verifier-batch',
        `${records.length} records of ${bytes} bytes in one call; at most ${queueRecordsMax} ` +
          `records and ${queueBytesMax} bytes fit: split the call or raise the verifier's queue`,
      );
    }
    if (this.#records + records.length > queueRecordsMax || this.#bytes + bytes > queueBytesMax) {
      throw new MosaicError(
        'limited',
        'verifier-busy',
        `${this.#records} records of ${this.#bytes} bytes wait for verification already`,
      );
    }
    this.#records += records.length;
    this.#bytes += bytes;
  }

  /** One record was answered. */
  leave(record: RecordView): void {
    this.#records -= 1;
    this.#bytes -= record.bytes.length;
    if (this.#room !== undefined && this.#hasRoom) {
      this.#room.resolve();
      this.#room = undefined;
    }
    if (this.#records === 0) {
      this.#empty?.resolve();
      this.#empty = undefined;
    }
  }

  /** See `Verifier.ready`. */
  async ready(): Promise<void> {
    if (this.#isClosed) throw closedError();
    if (this.#hasRoom) return;
    this.#room ??= waiter();
    await this.#room.promise;
  }

  /** Refuses from now on; resolves when nothing is pending. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#room?.reject(closedError());
    this.#room = undefined;
    if (this.#records === 0) return;
    this.#empty ??= waiter();
    await this.#empty.promise;
  }

  get #hasRoom(): boolean {
    const { queueRecordsMax, queueBytesMax } = this.#limits;
    return this.#records * 2 <= queueRecordsMax && this.#bytes * 2 <= queueBytesMax;
  }
}
