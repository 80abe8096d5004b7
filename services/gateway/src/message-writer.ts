/**
 * Writes the gateway's messages. A socket has taken a message's bytes when `send` returns, so all
 * of them are written into a few buffers that are used again and again.
 */
import {
  encodeClosing,
  MESSAGE,
  MESSAGE_BYTES_MAX,
  MESSAGE_HEAD_BYTES,
  type QueryId,
  type ResultCode,
  writeRecordHead,
  writeU16,
  writeU24,
} from '@mosaic-cluster/protocol';
import type { ClientSocket } from './listener/listener.ts';

/** Bytes of a Submission Result. */
const SUBMISSION_RESULT_BYTES = 40;
const ID_PREFIX_BYTES = 32;

/** Sends messages; one for all connections of a gateway. */
export class MessageWriter {
  readonly #record = new Uint8Array(MESSAGE_BYTES_MAX);
  readonly #short = new Uint8Array(MESSAGE_HEAD_BYTES);
  readonly #result = new Uint8Array(SUBMISSION_RESULT_BYTES);

  constructor() {
    writeU24(this.#short, 1, MESSAGE_HEAD_BYTES);
    this.#result[0] = MESSAGE.submissionResult;
    writeU24(this.#result, 1, SUBMISSION_RESULT_BYTES);
  }

  /** A Record message. */
  record(socket: ClientSocket, queryId: QueryId, record: Uint8Array): void {
    writeRecordHead(this.#record, 0, queryId, record.length);
    this.#record.set(record, MESSAGE_HEAD_BYTES);
    socket.send(this.#record.subarray(0, MESSAGE_HEAD_BYTES + record.length));
  }

  /** A Locally Complete. */
  locallyComplete(socket: ClientSocket, queryId: QueryId): void {
    this.#sendShort(socket, MESSAGE.locallyComplete, queryId, 0);
  }

  /** A Query Closed. */
  queryClosed(socket: ClientSocket, queryId: QueryId, result: ResultCode): void {
    this.#sendShort(socket, MESSAGE.queryClosed, queryId, result);
  }

  /** An Unrecognized. */
  unrecognized(socket: ClientSocket): void {
    this.#sendShort(socket, MESSAGE.unrecognized, 0, 0);
  }

  /**
   * A Submission Result.
   *
   * @param id the record's ID or at least its first 32 bytes
   */
  submissionResult(socket: ClientSocket, result: ResultCode, id: Uint8Array): void {
    this.#result[4] = result;
    for (let i = 0; i < ID_PREFIX_BYTES; i++) this.#result[MESSAGE_HEAD_BYTES + i] = id[i]!;
    socket.send(this.#result);
  }

  /** A Closing. */
  closing(socket: ClientSocket, result: ResultCode): void {
    socket.send(encodeClosing(result));
  }

  #sendShort(socket: ClientSocket, type: number, queryId: QueryId, result: number): void {
    this.#short[0] = type;
    writeU16(this.#short, 4, queryId);
    this.#short[6] = result;
    socket.send(this.#short);
  }
}
