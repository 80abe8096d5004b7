/**
 * One connection with what is under way on it: gives out query ids, finds out whose answer a
 * message is, notices a server that has gone silent, and stops reading while nobody has room. It
 * lives as long as its connection; what survives a reconnect is in the streams and the publisher.
 */
import {
  encodeMessage,
  hexEncode,
  type Message,
  MESSAGE,
  messageSender,
  MosaicError,
  parseMessage,
  RESULT,
} from '@mosaic-cluster/protocol';
import type { ClientDeps } from './deps.ts';
import { OpenQueries, type QuerySink } from './open-queries.ts';
import { Pulse } from './pulse.ts';
import { PROBE_QUERY_ID } from './query-ids.ts';
import { type Demand, ReadFlow } from './read-flow.ts';
import { ResultError } from './result-error.ts';
import type { CloseInfo, HandshakeInfo, TransportListener, TransportSocket } from './transport.ts';

/** Who waits for the answer to a submission. */
export interface SubmissionSink {
  result(result: number): void;
  /** The connection ended before the answer. */
  lost(error: MosaicError): void;
}

/** Bounds of a session. Durations are in milliseconds. */
export interface SessionLimits {
  /** Requests open at a time; a further one is refused. */
  readonly openQueriesMax: number;
  /** How long the server may owe an answer. */
  readonly answerTimeoutMs: number;
  /** How often a sign of life is asked for; a server that gives none until the next time is dead. */
  readonly probeIntervalMs: number;
}

/** Whom a session reports to. */
export interface SessionOwner {
  /** The server announced that it will close the connection. */
  closing(result: number): void;
  /** A message without a meaning, which was passed over. */
  stray(message: string): void;
  /** The connection is over; all sinks were told. */
  ended(error: MosaicError, close: CloseInfo): void;
}

/** WebSocket: the peer broke the protocol. */
const PROTOCOL_ERROR = 1002;
const NORMAL = 1000;
/** For the answer to a close frame that tells of a broken protocol. */
const CLOSE_MS = 1_000;
/** How often deadlines are looked at within the shortest of them. */
const CHECKS = 4;

/** One connection. Made before it is open, because messages may come at once. */
export class Session implements TransportListener {
  readonly #deps: ClientDeps;
  readonly #limits: SessionLimits;
  readonly #owner: SessionOwner;
  readonly #queries: OpenQueries;
  readonly #submissions = new Map<string, { sink: SubmissionSink; sentAt: number }>();
  readonly #pulse: Pulse;
  readonly #flow: ReadFlow;
  #socket: TransportSocket | undefined;
  #resumedAt = 0;
  #failure: MosaicError | undefined;
  #isBroken = false;
  #isOver = false;
  #stopTimer: () => void = () => {};

  constructor(deps: ClientDeps, limits: SessionLimits, owner: SessionOwner) {
    this.#deps = deps;
    this.#limits = limits;
    this.#owner = owner;
    this.#queries = new OpenQueries(limits.openQueriesMax);
    this.#pulse = new Pulse(limits.probeIntervalMs, deps.now());
    this.#flow = new ReadFlow((pause) => this.#read(pause));
  }

  /** Takes the open connection over. */
  start(socket: TransportSocket): void {
    this.#socket = socket;
    if (this.#failure === undefined) this.#watch();
    // Something came that ended it before it began.
    else socket.close(NORMAL, '');
  }

  /** What was agreed on when connecting. */
  get handshake(): HandshakeInfo | undefined {
    return this.#socket?.handshake;
  }

  /** Whether requests can be made: open, and the server has not announced its end. */
  get isUsable(): boolean {
    return this.#socket !== undefined && this.#failure === undefined && !this.#isOver;
  }

  /** Why the connection ends or ended; undefined while nothing is wrong. */
  get failure(): MosaicError | undefined {
    return this.#failure;
  }

  /** Whether the connection is gone. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Submissions without an answer. */
  get submissionsOpen(): number {
    return this.#submissions.size;
  }

  /**
   * All that the server wrote before this moment has arrived: the time (of this machine's clock) at
   * which the last answered probe was sent; 0 where none was.
   */
  get confirmedAt(): number {
    return this.#pulse.confirmedAt;
  }

  /** Sends a submission. `prefix`: hexadecimal of the ID's first 32 bytes, not under way already. */
  submit(prefix: string, bytes: Uint8Array, sink: SubmissionSink): void {
    this.#submissions.set(prefix, { sink, sentAt: this.#deps.now() });
    this.#socket?.send(bytes);
    this.#flow.set(this.#submissions, 'waiting');
  }

  /** Whether a submission with this ID prefix is under way. */
  isSubmitting(prefix: string): boolean {
    return this.#submissions.has(prefix);
  }

  /**
   * Opens a request.
   *
   * @param encode makes its bytes for the query id that it got
   * @returns the query id
   * @throws MosaicError `limited` with code `open-queries`
   */
  open(encode: (queryId: number) => Uint8Array, sink: QuerySink): number {
    const queryId = this.#queries.add(sink, this.#deps.now());
    this.#socket?.send(encode(queryId));
    return queryId;
  }

  /**
   * Ends a request: its sink hears nothing more. The server is told by Unsubscribe, whatever kind
   * of request it is, and the query id stays taken until the server has closed it.
   */
  cancel(queryId: number): void {
    const sink = this.#queries.cancel(queryId, this.#deps.now());
    if (sink === undefined) return;
    this.#flow.set(sink, 'none');
    if (this.isUsable) this.#socket?.send(encodeMessage({ name: 'unsubscribe', queryId }));
  }

  /** Says what a sink wants; reading stops while one is full and nobody waits. */
  demand(sink: QuerySink, demand: Demand): void {
    this.#flow.set(sink, demand);
  }

  /** Closes the connection properly; it is cut where the server does not answer in time. */
  close(timeoutMs: number): void {
    if (this.#isOver) return;
    this.#failure ??= new MosaicError('closed', 'closed', 'the client was closed');
    this.#endWith(NORMAL, '', timeoutMs);
  }

  /** Cuts the connection. */
  terminate(error: MosaicError): void {
    if (this.#isOver) return;
    this.#failure ??= error;
    this.#socket?.terminate();
  }

  message(bytes: Uint8Array): void {
    if (this.#isOver || this.#isBroken) return;
    this.#pulse.heard(this.#deps.now());
    let message: Message;
    try {
      message = parseMessage(bytes);
    } catch (error) {
      this.#violation(describeFault(bytes, error), error);
      return;
    }
    this.#dispatch(message);
  }

  text(): void {
    this.#violation('a text message', undefined);
  }

  pong(): void {
    this.#pulse.answered(this.#deps.now());
  }

  closed(close: CloseInfo): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stopTimer();
    this.#failure ??= lostConnection(close);
    const error = this.#failure;
    const submissions = [...this.#submissions.values()];
    this.#submissions.clear();
    for (const sink of this.#queries.clear()) sink.lost(error);
    for (const { sink } of submissions) sink.lost(error);
    this.#owner.ended(error, close);
  }

  #dispatch(message: Message): void {
    switch (message.name) {
      case 'record':
        // Copied: the bytes may be a small part of a large network buffer.
        this.#toQuery(message.queryId, true, (sink) => sink.record(message.record.copy()));
        break;
      case 'locallyComplete':
        this.#toQuery(message.queryId, false, (sink) => sink.locallyComplete());
        break;
      case 'queryClosed':
        this.#queryClosed(message.queryId, message.result);
        break;
      case 'submissionResult':
        this.#submissionResult(hexEncode(message.idPrefix), message.result);
        break;
      case 'closing':
        this.#closing(message.result);
        break;
      case 'unrecognized':
        this.#owner.stray('the server does not know a message that it was sent');
        break;
      default:
        if (messageSender(MESSAGE[message.name]) === 'client') {
          this.#violation(`a message that only clients send, ${message.name}`, undefined);
        } else this.#owner.stray(`a message that was not asked for: ${message.name}`);
    }
  }

  #toQuery(queryId: number, isOwed: boolean, tell: (sink: QuerySink) => void): void {
    const query = this.#queries.hear(queryId, this.#deps.now(), isOwed);
    if (query === 'unknown') {
      this.#violation(`a message for query ${queryId}, which was never asked`, undefined);
    } else if (query === 'over') {
      this.#owner.stray(`a message for query ${queryId}, which is over`);
    } else if (query.sink !== undefined) tell(query.sink);
  }

  #queryClosed(queryId: number, result: number): void {
    if (queryId === PROBE_QUERY_ID) {
      this.pong();
      return;
    }
    this.#toQuery(queryId, false, (sink) => {
      this.#flow.set(sink, 'none');
      this.#queries.delete(queryId);
      sink.closed(result);
    });
    this.#queries.delete(queryId);
  }

  #submissionResult(prefix: string, result: number): void {
    const submission = this.#submissions.get(prefix);
    if (submission === undefined) {
      this.#owner.stray('a result for a record that was not submitted');
      return;
    }
    this.#submissions.delete(prefix);
    submission.sink.result(result);
    if (this.#submissions.size === 0) this.#flow.set(this.#submissions, 'none');
  }

  #closing(result: number): void {
    if (this.#failure !== undefined) return;
    this.#failure = new ResultError('the connection', result);
    this.#owner.closing(result);
    this.#stopTimer();
    // It may still answer what it has accepted; it may not take for ever.
    this.#stopTimer = this.#deps.startTimer(
      () => this.#socket?.terminate(),
      this.#limits.answerTimeoutMs,
    );
  }

  #violation(what: string, cause: unknown): void {
    if (this.#isOver) return;
    const message = `the server broke the protocol: it sent ${what}`;
    this.#failure ??= new MosaicError('invalid', 'server-message', message, { cause });
    this.#isBroken = true;
    this.#endWith(PROTOCOL_ERROR, 'protocol error', CLOSE_MS);
  }

  #endWith(code: number, reason: string, timeoutMs: number): void {
    this.#stopTimer();
    this.#stopTimer = this.#deps.startTimer(() => this.#socket?.terminate(), timeoutMs);
    this.#socket?.close(code, reason);
  }

  #read(pause: boolean): void {
    const socket = this.#socket;
    if (this.#isOver) return;
    if (pause) {
      socket?.pause();
      return;
    }
    this.#resumedAt = this.#deps.now();
    this.#pulse.heard(this.#resumedAt);
    socket?.resume();
  }

  /** Looks at the deadlines again and again. */
  #watch(): void {
    const { probeIntervalMs, answerTimeoutMs } = this.#limits;
    this.#stopTimer = this.#deps.startTimer(
      () => {
        this.#check();
        if (this.#failure === undefined && !this.#isOver) this.#watch();
      },
      Math.max(1, Math.min(probeIntervalMs, answerTimeoutMs) / CHECKS),
    );
  }

  #check(): void {
    // While nothing is read, silence says nothing.
    if (this.#flow.isPaused) return;
    const now = this.#deps.now();
    const { probeIntervalMs, answerTimeoutMs } = this.#limits;
    const verdict = this.#pulse.check(now);
    if (verdict === 'probe') this.#probe();
    if (verdict === 'dead') {
      this.#unresponsive(`nothing came from the server for ${probeIntervalMs} ms`);
      return;
    }
    const owedSince = now - answerTimeoutMs;
    const [oldest] = this.#submissions.values();
    if (oldest !== undefined && Math.max(oldest.sentAt, this.#resumedAt) <= owedSince) {
      this.#unresponsive(`a submission had no answer for ${answerTimeoutMs} ms`);
      return;
    }
    this.#endOverdue(owedSince);
  }

  #endOverdue(owedSince: number): void {
    if (this.#resumedAt > owedSince) return;
    for (const [queryId, { sink }] of this.#queries.overdue(owedSince)) {
      if (sink === undefined) {
        this.#queries.delete(queryId);
        continue;
      }
      this.cancel(queryId);
      const message = `the server did not answer for ${this.#limits.answerTimeoutMs} ms`;
      sink.lost(new MosaicError('unavailable', 'answer-timeout', message));
    }
  }

  /** Asks for a sign of life: a ping, or where there is none an Unsubscribe that ends nothing. */
  #probe(): void {
    const socket = this.#socket;
    if (socket?.canPing === true) socket.ping();
    else socket?.send(encodeMessage({ name: 'unsubscribe', queryId: PROBE_QUERY_ID }));
  }

  #unresponsive(why: string): void {
    this.terminate(new MosaicError('unavailable', 'unresponsive', why));
  }
}

function lostConnection({ code, reason, cause }: CloseInfo): MosaicError {
  const detail = cause instanceof Error ? cause.message : reason;
  const message = `the connection was lost (close code ${code}${detail && `: ${detail}`})`;
  return new MosaicError('unavailable', 'connection-lost', message, { cause });
}

function describeFault(bytes: Uint8Array, error: unknown): string {
  const type = bytes[0]?.toString(16).padStart(2, '0') ?? 'none';
  const why = error instanceof MosaicError ? error.message : 'unreadable';
  return `a message that cannot be read (type 0x${type}): ${why}`;
}

/** Whether a server that closes a connection with this code will not take another one. */
export function isFinalClosing(result: number): boolean {
  return (
    result === RESULT.IP_PERM_BANNED ||
    result === RESULT.PUBKEY_PERM_BANNED ||
    result === RESULT.UNAUTHORIZED ||
    result === RESULT.REQUIRES_AUTHENTICATION ||
    result === RESULT.PERSISTENT_ERROR
  );
}
