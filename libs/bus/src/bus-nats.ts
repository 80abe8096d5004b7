/** The bus of a server that is many processes: NATS in between. The bytes are in docs/bus.md. */
import { randomBytes } from 'node:crypto';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import { type BusCounters, createBusCounters } from './bus-counters.ts';
import { BUS_LIMITS, type BusLimits } from './bus-limits.ts';
import { readReport } from './call-codec.ts';
import type {
  Bus,
  CallContext,
  LiveGapHandler,
  LiveHandler,
  LiveListener,
  LiveRecord,
  RoleName,
  RoleService,
} from './contract.ts';
import { PUBLISHER_BYTES } from './live-codec.ts';
import { LivePublisher } from './live-publisher.ts';
import { LiveReceiver } from './live-receiver.ts';
import { type Subjects, subjectsOf } from './live-subjects.ts';
import { connectNats, type NatsConnectOptions } from './nats-connect.ts';
import { NatsLink } from './nats-link.ts';
import {
  type AnswerProcessQuestion,
  type AskAllOptions,
  ProcessQuestions,
} from './process-questions.ts';
import { Requester } from './requester.ts';
import { Responder } from './responder.ts';
import { RoleClient } from './role-client.ts';

/** What a bus over NATS needs. */
export interface NatsBusOptions extends NatsConnectOptions {
  /** Tells servers apart that share a NATS installation; by default `mosaic`. */
  readonly namespace?: string;
  readonly limits?: Partial<BusLimits>;
  /** Unix time in milliseconds. */
  readonly now?: () => number;
  /** Told in sentences what an operator may want to see in a log: connections lost and found. */
  readonly notice?: (sentence: string) => void;
  /** Told of errors that callers do not see: bugs of roles and listeners; and of the request, where it has a name. */
  readonly failed?: (error: unknown, requestId?: string) => void;
}

/** Connects gateways and roles over NATS. */
export interface NatsBus extends Bus {
  /** Its figures; they change while it runs. */
  readonly counters: Readonly<BusCounters>;
  /** Whether there is a connection at the moment. */
  readonly isConnected: boolean;
  /** Subjects listened to for live records. */
  readonly subjectsHeard: number;
  /** Answers what operators ask all processes, until the returned function is called. */
  answer(answer: AnswerProcessQuestion): () => void;
  /** Asks all processes that answer. Never rejects: where nobody does, there are no answers. */
  askAll(question: Uint8Array, options?: AskAllOptions): Promise<Uint8Array[]>;
  /** A round trip to the server: what readiness is. @throws MosaicError `unavailable` */
  ping(timeoutMs: number): Promise<void>;
}

/**
 * Connects to NATS; tries for a while where nobody answers.
 *
 * @throws MosaicError `unauthorized` (`bus-refused`), `unavailable` (`bus-unreachable`), `invalid`
 *   (`max-payload-too-small`, `bus-namespace`)
 */
export async function connectNatsBus(options: NatsBusOptions): Promise<NatsBus> {
  const { namespace = 'mosaic', notice = () => {} } = options;
  if (!/^[A-Za-z0-9_-]+$/.test(namespace)) {
    const message = `the namespace "${namespace}" may have letters, digits, - and _ only`;
    throw new MosaicError('invalid', 'bus-namespace', message);
  }
  const limits = { ...BUS_LIMITS, ...options.limits };
  const connection = await connectNats(options, limits, notice);
  const counters = createBusCounters();
  const link = new NatsLink({ connection, limits, counters, notice });
  return new RunningNatsBus(options, { link, limits, counters, subjects: subjectsOf(namespace) });
}

interface Parts {
  readonly link: NatsLink;
  readonly limits: BusLimits;
  readonly counters: BusCounters;
  readonly subjects: Subjects;
}

class RunningNatsBus implements NatsBus {
  readonly counters: Readonly<BusCounters>;
  readonly #parts: Parts;
  readonly #requester: Requester;
  readonly #responder: Responder;
  readonly #publisher: LivePublisher;
  readonly #receiver: LiveReceiver;
  readonly #questions: ProcessQuestions;
  /** Until when a role counts as absent. */
  readonly #absentUntil = new Map<RoleName, number>();
  #closing: Promise<void> | undefined;

  constructor(options: NatsBusOptions, parts: Parts) {
    const { inboxPrefix, now = Date.now, failed = () => {} } = options;
    const requester = new Requester({ ...parts, inboxPrefix });
    const name = randomBytes(PUBLISHER_BYTES);
    this.counters = parts.counters;
    this.#parts = parts;
    this.#requester = requester;
    this.#responder = new Responder({ ...parts, failed });
    this.#publisher = new LivePublisher({ ...parts, requester, now, name });
    this.#receiver = new LiveReceiver({ ...parts, requester, now, failed });
    this.#questions = new ProcessQuestions({ ...parts, requester, failed });
  }

  get isConnected(): boolean {
    return this.#parts.link.isConnected;
  }

  get subjectsHeard(): number {
    return this.#receiver.subjectsHeard;
  }

  role(name: RoleName): RoleService {
    return new RoleClient({
      ask: (operation, payload, call) => this.#ask(name, operation, payload, call),
      payloadBytesMax: () => this.#parts.link.payloadBytesMax,
    });
  }

  serves(name: RoleName): boolean {
    return performance.now() >= (this.#absentUntil.get(name) ?? 0);
  }

  serve(name: RoleName, service: RoleService): () => void {
    const stop = this.#responder.serve(name, service);
    this.#publisher.start();
    return stop;
  }

  publish(records: readonly LiveRecord[]): void {
    this.#publisher.publish(records);
  }

  offer(record: LiveRecord): Promise<number> {
    return this.#publisher.offer(record);
  }

  listen(handler: LiveHandler, onGap?: LiveGapHandler): LiveListener {
    return this.#receiver.listen(handler, onGap);
  }

  answer(answer: AnswerProcessQuestion): () => void {
    return this.#questions.answer(answer);
  }

  askAll(question: Uint8Array, options?: AskAllOptions): Promise<Uint8Array[]> {
    return this.#questions.askAll(question, options);
  }

  async ping(timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, timeoutMs, false);
    });
    const isAnswered = await Promise.race([this.#parts.link.flush(), late]);
    clearTimeout(timer);
    if (isAnswered) return;
    const message = `NATS does not answer (waited up to ${timeoutMs} ms)`;
    throw new MosaicError('unavailable', 'bus-disconnected', message);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { link, limits } = this.#parts;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, limits.closeTimeoutMs);
    });
    await Promise.race([this.#responder.drain(), late]);
    clearTimeout(timer);
    this.#publisher.close();
    this.#receiver.close();
    this.#requester.close();
    await link.close();
  }

  async #ask(
    name: RoleName,
    operation: string,
    payload: Uint8Array,
    call: CallContext | undefined,
  ): Promise<Uint8Array> {
    const { subjects, limits } = this.#parts;
    const subject = subjects.request(name, operation);
    try {
      const reply = await this.#requester.request(subject, payload);
      this.#absentUntil.delete(name);
      const report = call && readReport(reply);
      if (report !== undefined) call?.answered(report);
      return reply;
    } catch (error) {
      if (isMosaicError(error) && error.code === 'no-responders') {
        this.#absentUntil.set(name, performance.now() + limits.absenceMs);
      }
      throw error;
    }
  }
}
