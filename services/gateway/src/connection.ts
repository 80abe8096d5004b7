/**
 * One client's connection: takes its messages apart, answers each as the protocol says, and gives
 * everything back when the client is gone.
 */
import { type Offence, submissionsOfRows, type Visitor } from '@mosaic-cluster/abuse';
import {
  type Message,
  MESSAGE,
  messageAddress,
  type QueryId,
  RecordView,
  RESULT,
  type ResultCode,
} from '@mosaic-cluster/protocol';
import { ConnectionRequests } from './queries/connection-requests.ts';
import { countConnection, countMessage, countResult } from './counters.ts';
import type { EngineContext } from './engine-context.ts';
import { copyBytes } from './key-text.ts';
import type { ClientSocket, SocketHandler } from './listener/listener.ts';
import { messageRule } from './message-rule.ts';
import { parsed } from './parsed-message.ts';
import { PendingSubmission, type SubmissionOwner } from './submissions/pending-submission.ts';
import { attestationsMax, isPlainlyInvalid } from './submissions/record-check.ts';
import type { ResultHolder } from './submissions/result-flusher.ts';
import { submissionOffence } from './submissions/submission-offence.ts';
import { dismiss } from './visitors/turned-away.ts';

/** WebSocket close codes (RFC 6455 §7.4.1). Too large messages are closed by the listener. */
const CLOSE = { goingAway: 1001, protocolError: 1002, unsupportedData: 1003 } as const;

/** One accepted connection. */
export class Connection implements SocketHandler, SubmissionOwner, ResultHolder {
  readonly #context: EngineContext;
  readonly #socket: ClientSocket;
  readonly #visitor: Visitor;
  readonly #requests: ConnectionRequests;
  readonly #gone: () => void;
  /** Results to send at the end of this turn: of records, and what became of them. */
  readonly #settledRecords: RecordView[] = [];
  readonly #settledResults: ResultCode[] = [];
  #inFlight = 0;
  #inFlightBytes = 0;
  #isLeaving = false;
  /** Ends the question how well its key is known, once that was asked. */
  #unfollow: (() => void) | undefined;
  /** Nothing is read or written any more. */
  #isOver = false;

  /**
   * @param visitor pays; closed with the connection
   * @param gone called once when the socket is closed
   */
  constructor(context: EngineContext, socket: ClientSocket, visitor: Visitor, gone: () => void) {
    this.#context = context;
    this.#socket = socket;
    this.#visitor = visitor;
    this.#requests = new ConnectionRequests(context, socket, visitor);
    this.#gone = gone;
    countConnection(context.counters, socket.clientKey, 1);
  }

  get sharesAs(): string {
    return this.#visitor.sharesAs;
  }

  message(bytes: Uint8Array): void {
    if (this.#isOver) return;
    countMessage(this.#context.counters, bytes[0]);
    this.#introduce();
    const isPaid = this.#visitor.message(bytes.length);
    if (this.#isOver) return;
    switch (messageRule(bytes)) {
      case 'request':
        this.#request(bytes, isPaid);
        break;
      case 'submission':
        this.#submission(bytes, isPaid);
        break;
      case 'unrecognized':
        this.#context.writer.unrecognized(this.#socket);
        break;
      case 'violation':
        this.#violated(CLOSE.protocolError, 'not a message for a server', 'server-message');
        break;
      case 'ignored':
        break;
    }
  }

  text(): void {
    this.#violated(CLOSE.unsupportedData, 'Mosaic has binary messages only', 'server-message');
  }

  tooLarge(): void {
    if (!this.#offends('oversized-message')) return;
    this.#context.counters.violations += 1;
    this.#end(RESULT.TOO_LARGE);
  }

  mayReceive(): boolean {
    return this.#isOver || this.#visitor.mayReceive();
  }

  wasted(bytes: number): void {
    this.#visitor.wasted(bytes);
  }

  crowdedOut(): void {
    if (!this.#isOver) this.#end(RESULT.TOO_FAST);
  }

  drained(): void {
    if (!this.#isOver) this.#requests.resume();
  }

  closed(): void {
    this.#release();
    countConnection(this.#context.counters, this.#socket.clientKey, -1);
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

  /** Says that somebody is banned, and closes. */
  turnAway(result: ResultCode): void {
    if (this.#isOver) return;
    this.#release();
    dismiss(this.#context.writer, this.#socket, result);
  }

  /** Takes a submission's result from the roles. */
  settled(submission: PendingSubmission, result: ResultCode): void {
    const { record, since } = submission;
    const { clock, events, watcher } = this.#context;
    const tookMs = Math.max(0, clock.now() - since);
    events.submissionAnswered?.(tookMs / 1000, submission.span?.context.traceId);
    watcher.settled(submission, result, tookMs);
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
    const { writer, clock, futureMaxMs } = this.#context;
    const records = this.#settledRecords.splice(0);
    const results = this.#settledResults.splice(0);
    this.#socket.cork(() => {
      records.forEach((record, i) => {
        writer.submissionResult(this.#socket, results[i]!, record.bytes);
      });
      this.#leaveIfIdle();
    });
    records.forEach((record, i) => {
      const offence = submissionOffence(record, results[i]!, clock.now() + futureMaxMs);
      if (offence !== undefined) this.#offends(offence);
    });
  }

  /** Has somebody find out who it is that begins to speak. */
  #introduce(): void {
    const { clientKey } = this.#socket;
    if (clientKey === undefined) return;
    this.#unfollow ??= this.#context.standings.follow(clientKey, this.#visitor);
  }

  /** @param isPaid false: it is over its budget */
  #request(bytes: Uint8Array, isPaid: boolean): void {
    const address = messageAddress(bytes);
    if (address?.name !== 'query') {
      this.#violated(CLOSE.protocolError, 'malformed message', 'malformed-message');
      return;
    }
    const { queryId } = address;
    if (this.#isLeaving) {
      this.#requests.finish(queryId, RESULT.SHUTTING_DOWN);
      return;
    }
    if (bytes[0] === MESSAGE.unsubscribe) {
      // It costs nothing and gives something back, so nobody has to wait for it.
      if (parsed(bytes) === undefined) this.#unreadable(queryId);
      else this.#requests.unsubscribe(queryId);
      return;
    }
    if (!isPaid) {
      this.#requests.refuse(queryId);
      return;
    }
    if (!this.#requests.admit(queryId, bytes.length)) return;
    // The one copy of the request: filter and references are kept until it is closed.
    const message = parsed(copyBytes(bytes));
    if (message === undefined) this.#unreadable(queryId);
    else this.#start(message, queryId, bytes.length);
  }

  #unreadable(queryId: QueryId): void {
    this.#requests.finish(queryId, RESULT.INVALID);
    this.#offends('malformed-message');
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

  /** @param isPaid false: it is over its budget */
  #submission(bytes: Uint8Array, isPaid: boolean): void {
    const address = messageAddress(bytes);
    if (address?.name !== 'submission') {
      this.#violated(CLOSE.protocolError, 'malformed message', 'malformed-message');
      return;
    }
    const isAffordable = this.#isLeaving || (isPaid && this.#visitor.submission());
    if (this.#isOver) return;
    const result = isAffordable ? this.#submit(bytes) : RESULT.TOO_FAST;
    if (result === undefined) return;
    countResult(this.#context.counters.submissionResults, result);
    this.#context.writer.submissionResult(this.#socket, result, address.idPrefix);
    if (result === RESULT.INVALID) this.#offends('invalid-record');
  }

  /** @returns a result that is known at once; undefined: the roles have the record */
  #submit(bytes: Uint8Array): ResultCode | undefined {
    const { limits, counters, router, clock, watcher } = this.#context;
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
    const more = submissionsOfRows(record) - 1 + attestationsMax(record);
    if (more > 0) this.#visitor.submitsMore(more);
    const span = watcher.submission();
    const submission = { record, submitter: this.#socket.clientKey };
    const refusal = router.route(new PendingSubmission(submission, this, clock.now(), span));
    if (refusal !== undefined) {
      span?.end();
      return refusal;
    }
    this.#inFlight += 1;
    this.#inFlightBytes += received.length;
    counters.submissionsInFlight += 1;
    return undefined;
  }

  #leaveIfIdle(): void {
    if (this.#isLeaving && this.#inFlight === 0 && !this.#isOver) this.shut();
  }

  /** Takes note of an offence. False: the connection is over, perhaps because of it. */
  #offends(offence: Offence): boolean {
    if (!this.#isOver) this.#visitor.offended(offence);
    return !this.#isOver;
  }

  #violated(closeCode: number, reason: string, offence: Offence): void {
    if (!this.#offends(offence)) return;
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
    this.#unfollow?.();
    this.#visitor.close();
  }
}
