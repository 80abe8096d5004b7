/** What publishing takes and gives. */
import {
  type MosaicError,
  parseRecord,
  type RecordView,
  type Reference,
  type ResultName,
} from '@mosaic-cluster/protocol';

/** A record that the server took. */
export interface PublishResult {
  /** The record's ID, 48 bytes. */
  readonly id: Reference;
  /** ACCEPTED, DUPLICATE, NO_CONSUMERS or SUCCESS; compare it with `RESULT`. */
  readonly result: number;
  readonly resultName: ResultName | undefined;
  /** How often it was sent. */
  readonly attempts: number;
}

/** How one record is published. */
export interface PublishOptions {
  /** Stops waiting. A record that was sent already may be accepted all the same. */
  readonly signal?: AbortSignal;
  /** Replaces `retry.timeoutMs` of the client. */
  readonly timeoutMs?: number;
  /**
   * Whether DUPLICATE is a success. True by default: a record that is sent again after a lost
   * connection may have arrived the first time. With false, DUPLICATE still counts as a success
   * where the record was sent more than once.
   */
  readonly acceptDuplicate?: boolean;
}

/** How many records are published at once. */
export interface PublishManyOptions extends PublishOptions {
  /** Records handed in whose outcome was not taken yet. Default: the client's. */
  readonly inFlightMax?: number;
  /** Bytes of those records; one record may always be under way. Default: the client's. */
  readonly bytesInFlightMax?: number;
}

/** What became of one of many records. */
export type PublishOutcome =
  | {
      /** Position in the source, from 0. */
      readonly index: number;
      readonly result: PublishResult;
      readonly error?: undefined;
    }
  | {
      readonly index: number;
      readonly result?: undefined;
      /** A `ResultError` where the server refused it. */
      readonly error: MosaicError;
    };

/** A record to publish: a view, or its bytes. They must not change until the outcome is known. */
export type RecordLike = RecordView | Uint8Array;

/** @throws MosaicError `invalid` with code `record` for bytes that are none */
export function asRecord(record: RecordLike): RecordView {
  return record instanceof Uint8Array ? parseRecord(record) : record;
}
