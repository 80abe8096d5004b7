/**
 * Keeps a session open: connects, reconnects when it is lost, and tells everybody who has work
 * under way. It decides which endings are final and how long to wait after the others.
 */
import { isMosaicError, MosaicError, RESULT } from '@mosaic-cluster/protocol';
import type { ClientEvent } from './client-event.ts';
import type { ClientDeps } from './deps.ts';
import { backoffMs, type ReconnectOptions } from './reconnect.ts';
import { isResultError } from './result-error.ts';
import { isFinalClosing, Session, type SessionLimits } from './session.ts';
import type { CloseInfo, HandshakeInfo, TransportListener, TransportSocket } from './transport.ts';

/** Somebody with work that goes on over reconnects. */
export interface SessionUser {
  /** A session is there; called for each. */
  ready(session: Session): void;
  /** There will be none for so long, in milliseconds. */
  delayed?(delayMs: number, error: MosaicError): void;
  /** There will be no session any more. */
  failed(error: MosaicError): void;
}

/** What a keeper needs to know. */
export interface KeeperOptions {
  /** Opens a connection to the one server. */
  readonly open: (listener: TransportListener) => Promise<TransportSocket>;
  readonly limits: SessionLimits;
  /** Undefined: a lost connection is not replaced. */
  readonly reconnect: ReconnectOptions | undefined;
  readonly observe: (event: ClientEvent) => void;
}

/** At most one session at a time. */
export class SessionKeeper {
  readonly #deps: ClientDeps;
  readonly #options: KeeperOptions;
  readonly #users = new Set<SessionUser>();
  #session: Session | undefined;
  #handshake: HandshakeInfo | undefined;
  #failure: MosaicError | undefined;
  #failures = 0;
  #openedAt = 0;
  #closingResult: number | undefined;
  #stopTimer: () => void = () => {};
  #ended: (() => void) | undefined;

  constructor(deps: ClientDeps, options: KeeperOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** The session, where one is open and takes requests. */
  get session(): Session | undefined {
    return this.#session?.isUsable === true ? this.#session : undefined;
  }

  /** What was agreed on by the newest connection. */
  get handshake(): HandshakeInfo | undefined {
    return this.#handshake;
  }

  /** Why there will be no session any more; undefined while there is hope. */
  get failure(): MosaicError | undefined {
    return this.#failure;
  }

  /** Registers a user; told of sessions opened later. */
  add(user: SessionUser): void {
    this.#users.add(user);
  }

  remove(user: SessionUser): void {
    this.#users.delete(user);
  }

  /** Connects for the first time, once. @throws what opening the connection throws */
  async start(): Promise<void> {
    await this.#connect();
  }

  /** Gives up for good: cuts what is open and fails everybody. */
  fail(error: MosaicError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#stopTimer();
    this.#session?.terminate(error);
    for (const user of this.#users) user.failed(error);
    this.#users.clear();
    this.#options.observe({ name: 'ended', error });
  }

  /** Closes properly; resolves when the connection is gone, at most `timeoutMs` later. */
  async close(timeoutMs: number): Promise<void> {
    const session = this.#session;
    const gone = new Promise<void>((resolve) => {
      this.#ended = resolve;
    });
    session?.close(timeoutMs);
    this.#stopTimer();
    const error = new MosaicError('closed', 'closed', 'the client was closed');
    if (this.#failure === undefined) {
      this.#failure = error;
      for (const user of this.#users) user.failed(error);
      this.#users.clear();
      this.#options.observe({ name: 'ended', error: undefined });
    }
    if (session !== undefined) await gone;
  }

  async #connect(): Promise<void> {
    const session = new Session(this.#deps, this.#options.limits, {
      closing: (result) => {
        this.#closingResult = result;
        this.#options.observe({ name: 'closing', result });
      },
      stray: (message) => this.#options.observe({ name: 'stray', message }),
      ended: (error, close) => this.#lost(session, error, close),
    });
    const socket = await this.#options.open(session);
    if (this.#failure !== undefined) {
      socket.terminate();
      throw this.#failure;
    }
    if (session.isOver) {
      const message = 'the server ended the connection at once';
      throw session.failure ?? new MosaicError('unavailable', 'connect', message);
    }
    this.#session = session;
    this.#handshake = socket.handshake;
    this.#openedAt = this.#deps.now();
    session.start(socket);
    this.#options.observe({ name: 'connected', handshake: socket.handshake });
    for (const user of this.#users) user.ready(session);
  }

  #lost(session: Session, error: MosaicError, close: CloseInfo): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    const { code, reason } = close;
    this.#options.observe({ name: 'disconnected', error, code, reason });
    this.#ended?.();
    if (this.#failure !== undefined) return;
    const { reconnect } = this.#options;
    const result = this.#closingResult;
    this.#closingResult = undefined;
    const isFinal = result !== undefined && isFinalClosing(result);
    if (reconnect === undefined || isFinal) {
      this.fail(error);
      return;
    }
    if (this.#deps.now() - this.#openedAt >= reconnect.stableMs) this.#failures = 0;
    this.#retry(error, atLeastMs(result, reconnect, this.#deps.random), reconnect);
  }

  #retry(error: MosaicError, extraMs: number, reconnect: ReconnectOptions): void {
    this.#failures += 1;
    if (this.#failures > reconnect.attemptsMax) {
      this.fail(error);
      return;
    }
    const delayMs = extraMs + backoffMs(reconnect, this.#failures, this.#deps.random);
    this.#options.observe({ name: 'reconnecting', attempt: this.#failures, delayMs, error });
    this.#stopTimer = this.#deps.startTimer(() => void this.#reconnect(reconnect), delayMs);
    for (const user of this.#users) user.delayed?.(delayMs, error);
  }

  async #reconnect(reconnect: ReconnectOptions): Promise<void> {
    try {
      await this.#connect();
    } catch (cause) {
      this.#refused(cause, reconnect);
    }
  }

  #refused(cause: unknown, reconnect: ReconnectOptions): void {
    if (this.#failure !== undefined) return;
    const error = isMosaicError(cause)
      ? cause
      : new MosaicError('unavailable', 'connect', 'the connection failed', { cause });
    // Another key than the one expected is no accident that passes by itself.
    if (FINAL_CODES.has(error.code)) this.fail(error);
    else this.#retry(error, 0, reconnect);
  }
}

const FINAL_CODES: ReadonlySet<string> = new Set(['server-key', 'trust-store', 'secret-key']);

/** What a server that closes with `result` may expect of its clients before they return. */
function atLeastMs(
  result: number | undefined,
  reconnect: ReconnectOptions,
  random: () => number,
): number {
  if (result === RESULT.SHUTTING_DOWN) return random() * reconnect.shutdownSpreadMs;
  if (result === RESULT.IP_TEMP_BANNED || result === RESULT.PUBKEY_TEMP_BANNED) {
    return reconnect.bannedMs;
  }
  return 0;
}

/** Whether a lost session is worth waiting for another one. */
export function isTransient(error: MosaicError): boolean {
  return isResultError(error) ? !isFinalClosing(error.result) : error.kind !== 'closed';
}
