/**
 * The connection to NATS: made, watched, lost, found again, left. The client hides a lost
 * connection from its users and drops what they send meanwhile; here they hear of it.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import type {
  NatsConnection,
  PublishOptions,
  Status,
  Subscription,
  SubscriptionOptions,
} from '@nats-io/transport-node';
import { PermissionViolationError } from '@nats-io/transport-node';
import type { BusCounters } from './bus-counters.ts';
import { type BusLimits, PAYLOAD_BYTES_MIN } from './bus-limits.ts';

/** Bytes that are sent between two questions whether the server took them. */
const FLUSH_BYTES = 262_144;

/** Those who are told of the connection. */
export interface LinkUser {
  /** The connection broke: what was under way may be lost. */
  lost?(): void;
  /** It is back, all subscriptions with it. */
  found?(): void;
  /** The server forbids publishing on a subject. */
  forbidden?(subject: string): void;
}

/** What a link is made of. */
export interface LinkOptions {
  readonly connection: NatsConnection;
  readonly limits: BusLimits;
  readonly counters: BusCounters;
  /** Told in a sentence of what an operator may want to see in a log. */
  readonly notice: (sentence: string) => void;
}

/** A message that goes out at the end of the turn of the event loop. */
interface Outgoing {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly options: PublishOptions;
}

/** A connection that says when it is not there. */
export class NatsLink {
  readonly #options: LinkOptions;
  readonly #users = new Set<LinkUser>();
  #isConnected = true;
  #isClosed = false;
  #unsentBytes = 0;
  #unasked = 0;
  /** Counts connections, so that answers of an earlier one don't count for this one. */
  #generation = 0;
  #waiting: (() => void)[] = [];
  /** Bounded by what it adds to the bytes that are not sent, as everything that is published. */
  #outgoing: Outgoing[] = [];

  constructor(options: LinkOptions) {
    this.#options = options;
    void this.#watch();
    void options.connection.closed().then((error) => this.#ended(error));
  }

  get isConnected(): boolean {
    return this.#isConnected && !this.#isClosed;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether the server takes less than is sent. */
  get isClogged(): boolean {
    return this.#unsentBytes > this.#options.limits.unsentBytesMax;
  }

  /** Most bytes of one message. */
  get payloadBytesMax(): number {
    return this.#options.connection.info?.max_payload ?? PAYLOAD_BYTES_MIN;
  }

  /** Has somebody told of the connection. */
  join(user: LinkUser): void {
    this.#users.add(user);
  }

  /**
   * Sends a message, together with what else this turn of the event loop brings: a write to the
   * server costs more than most messages. The bytes are kept and must not change any more.
   *
   * @returns false where it cannot be sent: no connection, or too large for this server
   */
  publish(subject: string, payload: Uint8Array, reply?: string): boolean {
    if (!this.isConnected || payload.length > this.payloadBytesMax) return false;
    const options = reply === undefined ? {} : { reply };
    if (this.#outgoing.length === 0) setImmediate(() => this.#sendOutgoing());
    this.#outgoing.push({ subject, payload, options });
    this.#unsentBytes += payload.length;
    this.#unasked += payload.length;
    if (this.#unasked >= FLUSH_BYTES) void this.flush();
    return true;
  }

  subscribe(subject: string, options: SubscriptionOptions): Subscription {
    return this.#options.connection.subscribe(subject, options);
  }

  /**
   * Waits until the server has taken everything sent so far.
   *
   * @returns false where the connection broke meanwhile
   */
  async flush(): Promise<boolean> {
    if (!this.isConnected) return false;
    const generation = this.#generation;
    const bytes = this.#unasked;
    this.#unasked = 0;
    this.#sendOutgoing();
    try {
      await this.#options.connection.flush();
    } catch {
      return false;
    }
    if (generation !== this.#generation) return false;
    this.#unsentBytes -= bytes;
    return true;
  }

  /** Waits for a connection; false where there is none in time. */
  async whenConnected(timeoutMs: number): Promise<boolean> {
    if (this.isConnected || this.#isClosed) return this.isConnected;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    return this.isConnected;
  }

  /** Sends what is left and leaves; cuts the connection where that takes too long. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    const { connection, limits } = this.#options;
    this.#sendOutgoing();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.isConnected ? limits.closeTimeoutMs : 0);
    });
    await Promise.race([connection.drain().catch(() => {}), late]);
    clearTimeout(timer);
    await connection.close();
    this.#ended();
  }

  #sendOutgoing(): void {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    for (const { subject, payload, options } of outgoing) {
      try {
        this.#options.connection.publish(subject, payload, options);
      } catch {
        // It closes at this moment: whoever waits for an answer hears of that.
        return;
      }
    }
  }

  async #watch(): Promise<void> {
    for await (const status of this.#options.connection.status()) this.#take(status);
  }

  #take(status: Status): void {
    switch (status.type) {
      case 'disconnect':
        this.#lose(status.server);
        break;
      case 'reconnect':
        this.#find(status.server);
        break;
      case 'ldm':
        this.#options.notice(`the NATS server ${status.server} shuts down: moving to another`);
        // Now, not when the server cuts the connection: until then there is time to choose.
        void this.#options.connection.reconnect().catch(() => {});
        break;
      case 'error':
        this.#forbid(status.error);
        break;
      default:
        break;
    }
  }

  #lose(server: string): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    this.#generation += 1;
    this.#unsentBytes = 0;
    this.#unasked = 0;
    this.#outgoing = [];
    this.#options.counters.disconnects += 1;
    if (!this.#isClosed) this.#options.notice(`lost the NATS server ${server}`);
    for (const user of this.#users) user.lost?.();
  }

  #find(server: string): void {
    if (this.#isConnected) return;
    this.#isConnected = true;
    this.#options.counters.reconnects += 1;
    this.#options.notice(`found the NATS server ${server}`);
    if (this.payloadBytesMax < PAYLOAD_BYTES_MIN) {
      this.#options.notice(payloadFault(server, this.payloadBytesMax).message);
    }
    for (const user of this.#users) user.found?.();
    this.#wake();
  }

  #forbid(error: Error): void {
    const { counters, notice } = this.#options;
    if (!(error instanceof PermissionViolationError)) {
      notice(`the NATS server says: ${error.message}`);
      return;
    }
    const isPublish = error.operation === 'publish';
    if (isPublish) counters.forbiddenPublishes += 1;
    else counters.forbiddenSubscriptions += 1;
    notice(`the NATS server forbids ${error.operation} on ${error.subject}`);
    if (!isPublish) return;
    for (const user of this.#users) user.forbidden?.(error.subject);
  }

  #ended(error?: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (error instanceof Error) this.#options.notice(`left NATS for good: ${error.message}`);
    for (const user of this.#users) user.lost?.();
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** The error of a server that takes too small messages only. */
export function payloadFault(server: string, bytes: number): MosaicError {
  return new MosaicError(
    'invalid',
    'max-payload-too-small',
    `the NATS server ${server} takes messages of at most ${bytes} bytes, and records need ` +
      `${PAYLOAD_BYTES_MIN}: set "max_payload: 2MB" in its configuration`,
  );
}
