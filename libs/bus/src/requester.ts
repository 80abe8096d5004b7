/**
 * Sends requests and waits for their answers: at most twice each, bounded in number and bytes, and
 * without hanging on a connection that is gone. Every request may be sent twice.
 */
import { concatBytes, MosaicError } from '@mosaic-cluster/protocol';
import { createInbox, type Msg } from '@nats-io/transport-node';
import type { BusCounters } from './bus-counters.ts';
import type { BusLimits } from './bus-limits.ts';
import type { LinkUser, NatsLink } from './nats-link.ts';
import { replyPart } from './reply-codec.ts';
import { malformed } from './wire.ts';

const NO_RESPONDERS = 503;
const ATTEMPTS_MAX = 2;

/** What a requester needs. */
export interface RequesterOptions {
  readonly link: NatsLink;
  readonly limits: BusLimits;
  readonly counters: BusCounters;
  readonly inboxPrefix: string | undefined;
}

/** Takes whatever comes back on a reply subject; the message is undefined for "nobody is there". */
export type ReplyHandler = (message: Uint8Array | undefined) => void;

interface Pending {
  readonly token: string;
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly resolve: (reply: Uint8Array) => void;
  readonly reject: (error: MosaicError) => void;
  attempts: number;
  /** Whether it has to be sent when the connection is back. */
  isWaiting: boolean;
  timer: NodeJS.Timeout | undefined;
  parts: Uint8Array[];
  partBytes: number;
}

/** One process's requests. */
export class Requester implements LinkUser {
  readonly #options: RequesterOptions;
  readonly #inbox: string;
  readonly #pending = new Map<string, Pending>();
  readonly #open = new Map<string, ReplyHandler>();
  #pendingBytes = 0;
  #tokens = 0;
  /** Until when others may not be back yet after a lost connection. */
  #settledAt = 0;
  #isClosed = false;

  constructor(options: RequesterOptions) {
    const { link, inboxPrefix } = options;
    this.#options = options;
    this.#inbox = createInbox(inboxPrefix);
    link.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error === null) this.#take(message);
      },
    });
    link.join(this);
  }

  /**
   * Asks; the answer is whole, a view over what arrived.
   *
   * @param payload must not change before the answer
   * @throws MosaicError `unavailable`, `limited`, `unauthorized` or `closed`, see docs/bus.md
   */
  request(subject: string, payload: Uint8Array): Promise<Uint8Array> {
    const { limits, counters, link } = this.#options;
    if (this.#isClosed || link.isClosed) return Promise.reject(closed());
    const isFull =
      this.#pending.size >= limits.requestsMax ||
      (this.#pending.size > 0 && this.#pendingBytes + payload.length > limits.requestBytesMax);
    if (isFull) {
      counters.requestsRefused += 1;
      const message = 'too many requests wait for answers';
      return Promise.reject(new MosaicError('limited', 'bus-full', message));
    }
    if (payload.length > link.payloadBytesMax) {
      const message = `a request of ${payload.length} bytes is more than NATS takes`;
      return Promise.reject(new MosaicError('invalid', 'bus-request-too-large', message));
    }
    counters.requests += 1;
    return new Promise((resolve, reject) => {
      const pending: Pending = {
        token: this.#nextToken(),
        subject,
        payload,
        resolve,
        reject,
        attempts: 0,
        isWaiting: false,
        timer: undefined,
        parts: [],
        partBytes: 0,
      };
      this.#pending.set(pending.token, pending);
      this.#pendingBytes += payload.length;
      this.#send(pending);
      pending.timer = setTimeout(() => this.#halfTime(pending), limits.requestTimeoutMs / 2);
    });
  }

  /** Makes a reply subject for questions with any number of answers, until it is closed. */
  open(handler: ReplyHandler): { readonly subject: string; close(): void } {
    const token = this.#nextToken();
    this.#open.set(token, handler);
    return { subject: `${this.#inbox}.${token}`, close: () => this.#open.delete(token) };
  }

  lost(): void {
    for (const pending of this.#pending.values()) this.#lose(pending);
  }

  found(): void {
    this.#settledAt = performance.now() + this.#options.limits.reconnectSettleMs;
    for (const pending of this.#pending.values()) if (pending.isWaiting) this.#send(pending);
  }

  forbidden(subject: string): void {
    for (const pending of this.#pending.values()) {
      if (pending.subject !== subject) continue;
      const message = `NATS does not allow this process to publish on ${subject}`;
      this.#fail(pending, new MosaicError('unauthorized', 'bus-forbidden', message));
    }
  }

  /** Fails whatever waits. */
  close(): void {
    this.#isClosed = true;
    for (const pending of this.#pending.values()) this.#fail(pending, closed());
    this.#open.clear();
  }

  #nextToken(): string {
    this.#tokens += 1;
    return this.#tokens.toString(36);
  }

  #send(pending: Pending): void {
    const { link, counters } = this.#options;
    pending.isWaiting = !link.isConnected;
    if (pending.isWaiting) return;
    pending.attempts += 1;
    if (pending.attempts > 1) counters.requestsRepeated += 1;
    const { subject, payload, token } = pending;
    if (link.publish(subject, payload, `${this.#inbox}.${token}`)) return;
    const message = 'the server NATS is connected to now does not take the request';
    this.#fail(pending, new MosaicError('unavailable', 'bus-disconnected', message));
  }

  /** Once more, where that is allowed; what was heard of an answer is void. */
  #sendAgain(pending: Pending): boolean {
    if (pending.attempts >= ATTEMPTS_MAX) return false;
    pending.parts = [];
    pending.partBytes = 0;
    this.#send(pending);
    return true;
  }

  #halfTime(pending: Pending): void {
    const { limits } = this.#options;
    pending.timer = setTimeout(() => this.#timeOut(pending), limits.requestTimeoutMs / 2);
    // An answer in parts is on its way.
    if (!pending.isWaiting && pending.parts.length === 0) this.#sendAgain(pending);
  }

  #timeOut(pending: Pending): void {
    const { limits, counters } = this.#options;
    counters.requestsTimedOut += 1;
    const [code, why] = pending.isWaiting
      ? ['bus-disconnected', 'there is no connection to NATS']
      : ['bus-timeout', `nobody answered on ${pending.subject}`];
    const message = `${why} (waited ${limits.requestTimeoutMs} ms)`;
    this.#fail(pending, new MosaicError('unavailable', code, message));
  }

  #lose(pending: Pending): void {
    if (this.#options.link.isClosed) this.#fail(pending, closed());
    else if (pending.attempts < ATTEMPTS_MAX) {
      pending.parts = [];
      pending.partBytes = 0;
      pending.isWaiting = true;
    } else {
      const message = 'the connection to NATS broke twice';
      this.#fail(pending, new MosaicError('unavailable', 'bus-disconnected', message));
    }
  }

  #take(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length + 1);
    const { data } = message;
    const isNobody = data.length === 0 && message.headers?.code === NO_RESPONDERS;
    const handler = this.#open.get(token);
    if (handler !== undefined) {
      handler(isNobody ? undefined : data);
      return;
    }
    const pending = this.#pending.get(token);
    if (pending === undefined) return;
    if (isNobody) this.#foundNobody(pending);
    else this.#takeReply(pending, data);
  }

  #foundNobody(pending: Pending): void {
    const { limits, counters } = this.#options;
    // Nobody got it, so that it was not an attempt while everybody is still on the way back.
    if (performance.now() < this.#settledAt) pending.attempts = Math.min(pending.attempts, 1);
    if (pending.attempts < ATTEMPTS_MAX) {
      setTimeout(() => {
        if (this.#pending.has(pending.token) && !pending.isWaiting) this.#sendAgain(pending);
      }, limits.retryPauseMs);
      return;
    }
    counters.requestsWithoutResponder += 1;
    const message = `nobody serves ${pending.subject}`;
    this.#fail(pending, new MosaicError('unavailable', 'no-responders', message));
  }

  #takeReply(pending: Pending, data: Uint8Array): void {
    try {
      const part = replyPart(data);
      if (part === undefined) {
        this.#finish(pending);
        pending.resolve(data);
        return;
      }
      // The other attempt's parts, or what followed a lost one.
      if (part.position !== pending.parts.length) return;
      pending.parts.push(part.bytes);
      pending.partBytes += part.bytes.length;
      if (pending.partBytes > this.#options.limits.replyBytesMax) {
        throw malformed('a reply is longer than the limit');
      }
      if (!part.isLast) return;
      this.#finish(pending);
      pending.resolve(concatBytes(...pending.parts));
    } catch (error) {
      this.#options.counters.malformed += 1;
      this.#fail(pending, error as MosaicError);
    }
  }

  #fail(pending: Pending, error: MosaicError): void {
    if (this.#finish(pending)) pending.reject(error);
  }

  #finish(pending: Pending): boolean {
    clearTimeout(pending.timer);
    if (!this.#pending.delete(pending.token)) return false;
    this.#pendingBytes -= pending.payload.length;
    return true;
  }
}

function closed(): MosaicError {
  return new MosaicError('closed', 'bus-closed', 'the bus is closed');
}
