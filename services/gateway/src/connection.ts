/**
 * One client's connection: takes its messages apart, answers each as the protocol says, and gives
 * everything back when the client is gone.
 */
import {
  isMosaicError,
  type Message,
  MESSAGE,
  messageAddress,
  parseMessage,
  type PublicKey,
  type QueryId,
  RecordView,
  RESULT,
  type ResultCode,
} from '@mosaic-cluster/protocol';
import { ConnectionRequests } from './connection-requests.ts';
import { countResult } from './counters.ts';
import type { EngineContext } from './engine-context.ts';
import { copyBytes } from './key-text.ts';
import type { ClientSocket, SocketHandler } from './listener/listener.ts';
import { messageRule } from './message-rule.ts';
import { PendingSubmission, type SubmissionOwner } from './pending-submission.ts';
import { isPlainlyInvalid } from './record-check.ts';
import type { ResultHolder } from './result-flusher.ts';

/** WebSocket close codes (RFC 6455 §7.4.1). Too large messages are closed by the listener. */
const CLOSE = { goingAway: 1001, protocolError: 1002, unsupportedData: 1003 } as const;

/** One accepted connection. */
export class Connection implements SocketHandler, SubmissionOwner, ResultHolder {
  readonly #context: EngineContext;
  readonly #socket: ClientSocket;
  readonly #key: PublicKey | undefined;
  readonly #requests: ConnectionRequests;
  readonly #gone: () => void;
  /** Results to send at the end of this turn: of records, and what became of them. */
  readonly #settledRecords: RecordView[] = [];
  readonly #settledResults: ResultCode[] = [];
  #inFlight = 0;
  #inFlightBytes = 0;
  #isLeaving = false;
  /** Nothing is read or written any more. */
  #isOver = false;

  /** @param gone called once when the socket is closed */
  constructor(context: EngineContext, socket: ClientSocket, gone: () => void) {
    this.#context = context;
    this.#socket = socket;
    this.#key = socket.clientKey;
    this.#requests = new ConnectionRequests(context, socket, this.#key);
    this.#gone = gone;
    context.counters.connectionsOpen += 1;
  }

  message(bytes: Uint8Array): void {
    if (this.#isOver) return;
    this.#context.counters.messagesReceived += 1;
    switch (messageRule(bytes)) {
      case 'request':
        this.#request(bytes);
        break;
      case 'submission':
        this.#submission(bytes);
        break;
      case 'unrecognized':
        this.#context.writer.unrecognized(this.#socket);
        break;
      case 'violation':
        this.#violated(CLOSE.protocolError, 'not a message for a server');
        break;
      case 'ignored':
        break;
    }
  }

  text(): void {
    this.#violated(CLOSE.unsupportedData, 'Mosaic has binary messages only');
  }

  tooLarge(): void {
    if (this.#isOver) return;
    this.#context.counters.violations += 1;
    this.#end(RESULT.TOO_LARGE);
  }

  crowdedOut(): void {
    if (!this.#isOver) this.#end(RESULT.TOO_FAST);
  }

  drained(): void {
    if (!this.#isOver) this.#requests.resume();
  }

  closed(): void {
    this.#release();
    this.#context.counters.connectionsOpen -= 1;
    this.#gone();
  }

  /**
   * Says goodbye: takes nothing more, and closes when what was submitted has been answered.
   */
  leave(): void {
    if (this.#isOver || this.#isLeaving) return;
    this.#isLeaving = true;
    this.#socket.cork(() => {
      this.#requests.finishAll(RESULT.SHUTTING_DOWN);
      this.#leaveIfIdle();
    });
  }

  /** Says goodbye without waiting for anything. */
  shut(): void {
    if (this.#isOver) return;
    this.#end(RESULT.SHUTTING_DOWN);
    this.#socket.close(CLOSE.goingAway, 'shutting down');
  }

  /** Takes a submission's result from the roles. */
  settled(record: RecordView, result: ResultCode): void {
    this.#inFlight -= 1;
    this.#inFlightBytes -= record.bytes.length;
    this.#context.counters.submissionsInFlight -= 1;
    countResult(this.#context.counters.submissionResults, result);
    if (this.#isOver) return;
    this.#settledRecords.push(record);
    this.#settledResults.push(result);
    this.#context.flusher.add(this);
  }

  flushResults(): void {
    if (this.#isOver) return;
    const { writer } = this.#context;
    this.#socket.cork(() => {
      this.#settledRecords.forEach((record, i) => {
        writer.submissionResult(this.#socket, this.#settledResults[i]!, record.bytes);
      });
      this.#settledRecords.length = 0;
      this.#settledResults.length = 0;
      this.#leaveIfIdle();
    });
  }

  #request(bytes: Uint8Array): void {
    const address = messageAddress(bytes);
    if (address?.name !== 'query') {
      this.#violated(CLOSE.protocolError, 'malformed message');
      return;
    }
    const { queryId } = address;
    if (this.#isLeaving) {
      this.#requests.finish(queryId, RESULT.SHUTTING_DOWN);
      return;
    }
    if (bytes[0] === MESSAGE.unsubscribe) {
      if (parsed(bytes) === undefined) this.#requests.finish(queryId, RESULT.INVALID);
      else this.#requests.unsubscribe(queryId);
      return;
    }
    if (!this.#requests.admit(queryId, bytes.length)) return;
    // The one copy of the request: filter and references are kept until it is closed.
    const message = parsed(copyBytes(bytes));
    if (message === undefined) this.#requests.finish(queryId, RESULT.INVALID);
    else this.#start(message, queryId, bytes.length);
  }

  #start(message: Message, queryId: QueryId, heldBytes: number): void {
    switch (message.name) {
      case 'get':
        this.#requests.get(queryId, message.references, heldBytes);
        break;
      case 'query':
        this.#requests.query(queryId, message.filter, message.limit);
        break;
      case 'subscribe':
        this.#requests.subscribe(queryId, message.filter, message.limit);
        break;
      default:
        break;
    }
  }

  #submission(bytes: Uint8Array): void {
    const address = messageAddress(bytes);
    if (address?.name !== 'submission') {
      this.#violated(CLOSE.protocolError, 'malformed message');
      return;
    }
    const result = this.#submit(bytes);
    if (result === undefined) return;
    countResult(this.#context.counters.submissionResults, result);
    this.#context.writer.submissionResult(this.#socket, result, address.idPrefix);
  }

  /** @returns a result that is known at once; undefined: the roles have the record */
  #submit(bytes: Uint8Array): ResultCode | undefined {
    const { limits, counters, router } = this.#context;
    if (this.#isLeaving) return RESULT.SHUTTING_DOWN;
    const message = parsed(bytes);
    if (message?.name !== 'submission' || isPlainlyInvalid(message.record)) return RESULT.INVALID;
    const { bytes: received } = message.record;
    const isFull =
      this.#inFlight >= limits.connectionSubmissionsMax ||
      this.#inFlightBytes + received.length > limits.connectionSubmissionBytesMax;
    if (isFull) return RESULT.TOO_FAST;
    // The one copy of the record on its way through this process.
    const record = new RecordView(copyBytes(received));
    const refusal = router.route(new PendingSubmission(record, this.#key, this));
    if (refusal !== undefined) return refusal;
    this.#inFlight += 1;
    this.#inFlightBytes += received.length;
    counters.submissionsInFlight += 1;
    return undefined;
  }

  #leaveIfIdle(): void {
    if (this.#isLeaving && this.#inFlight === 0 && !this.#isOver) this.shut();
  }

  #violated(closeCode: number, reason: string): void {
    if (this.#isOver) return;
    this.#context.counters.violations += 1;
    this.#end(RESULT.INVALID);
    this.#socket.close(closeCode, reason);
  }

  /** Sends Closing, the last message of a connection. */
  #end(result: ResultCode): void {
    this.#release();
    this.#context.writer.closing(this.#socket, result);
  }

  #release(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#settledRecords.length = 0;
    this.#settledResults.length = 0;
    this.#requests.close();
  }
}

/** A message over these bytes; undefined where it is malformed. */
function parsed(bytes: Uint8Array): Message | undefined {
  try {
    return parseMessage(bytes);
  } catch (error) {
    if (isMosaicError(error) && error.kind === 'invalid') return undefined;
    throw error;
  }
}
