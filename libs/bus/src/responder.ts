/** Serves roles over NATS: takes requests, bounded in number and bytes, and answers each of them. */
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import type { Msg, Subscription } from '@nats-io/transport-node';
import type { BusCounters } from './bus-counters.ts';
import type { BusLimits } from './bus-limits.ts';
import { readCall } from './call-codec.ts';
import type { CallContext, CallReport, RoleName, RoleService } from './contract.ts';
import type { Subjects } from './live-subjects.ts';
import type { NatsLink } from './nats-link.ts';
import { cutReply, encodeError, encodeKeys, encodePage, encodeResults } from './reply-codec.ts';
import { decodeGet, decodeIdentities, decodeQuery, decodeSubmit } from './request-codec.ts';

const QUEUE = 'workers';

type Operation = (
  service: RoleService,
  request: Uint8Array,
  call: ServedCall | undefined,
) => Promise<Uint8Array>;

const OPERATIONS: Readonly<Record<string, Operation>> = {
  submit: async (service, request, call) =>
    encodeResults(await service.submit(decodeSubmit(request), call), call?.report),
  query: async (service, request, call) =>
    encodePage(await service.query(decodeQuery(request), call), call?.report),
  get: async (service, request, call) =>
    encodePage(await service.get(decodeGet(request), call), call?.report),
  identities: async (service, request) =>
    encodeKeys(await service.identities(decodeIdentities(request))),
};

/** What a responder needs. */
export interface ResponderOptions {
  readonly link: NatsLink;
  readonly subjects: Subjects;
  readonly limits: BusLimits;
  readonly counters: BusCounters;
  /** Told of what a role throws that its callers must not see, and by which request, where it has a name. */
  readonly failed: (error: unknown, requestId?: string) => void;
}

/** The roles that one process serves. */
export class Responder {
  readonly #options: ResponderOptions;
  readonly #serving = new Map<RoleName, readonly Subscription[]>();
  readonly #running = new Set<Promise<void>>();
  readonly #draining = new Set<Promise<unknown>>();
  #bytes = 0;

  constructor(options: ResponderOptions) {
    this.#options = options;
  }

  /** Serves a role until the returned function is called. */
  serve(name: RoleName, service: RoleService): () => void {
    if (this.#serving.has(name)) {
      throw new MosaicError('conflict', 'role-served', `the role ${name} is served already`);
    }
    const { link, subjects } = this.#options;
    const subscriptions = Object.entries(OPERATIONS).map(([name_, operation]) =>
      link.subscribe(subjects.request(name, name_), {
        queue: QUEUE,
        callback: (error, message) => {
          if (error === null) this.#take(service, operation, message);
        },
      }),
    );
    this.#serving.set(name, subscriptions);
    return () => {
      if (this.#serving.get(name) === subscriptions) this.#stop(name, subscriptions);
    };
  }

  /** Takes nothing more, and waits until everything that was taken is answered. */
  async drain(): Promise<void> {
    for (const [name, subscriptions] of this.#serving) this.#stop(name, subscriptions);
    await Promise.allSettled(this.#draining);
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #stop(name: RoleName, subscriptions: readonly Subscription[]): void {
    this.#serving.delete(name);
    for (const subscription of subscriptions) {
      if (subscription.isClosed()) continue;
      const drained = subscription.drain().catch(() => {});
      this.#draining.add(drained);
      void drained.then(() => this.#draining.delete(drained));
    }
  }

  #take(service: RoleService, operation: Operation, message: Msg): void {
    const { reply, data } = message;
    if (reply === undefined || reply === '') return;
    const { limits, counters } = this.#options;
    const isFull =
      this.#running.size >= limits.servedMax || this.#bytes + data.length > limits.servedBytesMax;
    if (isFull) {
      counters.servedRefused += 1;
      const error = new MosaicError('limited', 'role-busy', 'the role has too much to do');
      void this.#answer(reply, encodeError(error));
      return;
    }
    this.#bytes += data.length;
    const running = this.#run(service, operation, message, reply).finally(() => {
      this.#bytes -= data.length;
      this.#running.delete(running);
    });
    this.#running.add(running);
  }

  async #run(
    service: RoleService,
    operation: Operation,
    message: Msg,
    reply: string,
  ): Promise<void> {
    let call: ServedCall | undefined;
    try {
      call = servedCall(message.data);
      await this.#answer(reply, await operation(service, message.data, call));
      this.#options.counters.served += 1;
    } catch (error) {
      const isUnforeseen = !isMosaicError(error) || error.kind === 'internal';
      if (isUnforeseen) this.#options.failed(error, call?.requestId);
      await this.#answer(reply, encodeError(error, call?.report));
    }
  }

  async #answer(reply: string, answer: Uint8Array): Promise<void> {
    const { link, limits } = this.#options;
    // Whoever asked waits this long at most.
    if (!link.isConnected && !(await link.whenConnected(limits.requestTimeoutMs))) return;
    for (const part of cutReply(answer, link.payloadBytesMax)) {
      if (link.isClogged) await link.flush();
      link.publish(reply, part);
    }
  }
}

/** A call whose report goes back with the answer. */
interface ServedCall extends CallContext {
  report: CallReport | undefined;
}

function servedCall(request: Uint8Array): ServedCall | undefined {
  const sent = readCall(request);
  if (sent === undefined) return undefined;
  const call: ServedCall = {
    ...sent,
    report: undefined,
    answered: (report) => {
      call.report = report;
    },
  };
  return call;
}
