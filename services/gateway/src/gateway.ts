/**
 * The gateway: takes the sockets that listeners accept, speaks Mosaic with them, and asks the
 * roles behind the bus. It keeps nothing that a crash could lose.
 */
import type { AbuseControl } from '@mosaic-cluster/abuse';
import { type Bus, ROLE_NAMES, type RoleName, type RoleService } from '@mosaic-cluster/bus';
import { type PublicKey, RESULT } from '@mosaic-cluster/protocol';
import type { Logger } from '@mosaic-cluster/runtime';
import { type Clock, systemClock } from './clock.ts';
import { Connection } from './connection.ts';
import { createCounters, type GatewayCounters } from './counters.ts';
import { drainConnections } from './drain.ts';
import type { EngineContext } from './engine-context.ts';
import { isServerFault } from './errors-to-results.ts';
import { FairShare } from './sharing/fair-share.ts';
import type { GatewayEvents } from './gateway-events.ts';
import { areMastersKnown } from './visitors/known-masters.ts';
import { type GatewayLimits, resolveGatewayLimits } from './limits.ts';
import type { ClientSocket, SocketHandler } from './listener/listener.ts';
import { MessageWriter } from './message-writer.ts';
import { ResultFlusher } from './submissions/result-flusher.ts';
import { Roles } from './roles/roles.ts';
import { type RoleQueue, Router, type RoutedSubmission } from './submissions/router.ts';
import { Standings } from './visitors/standings.ts';
import { SubmissionQueue } from './submissions/submission-queue.ts';
import { SubscriptionHub } from './live/subscription-hub.ts';
import { DEAF, dismiss } from './visitors/turned-away.ts';
import { GatewayWatcher, type Watching } from './watch/gateway-watcher.ts';

/** What a gateway needs. */
export interface GatewayOptions {
  readonly bus: Bus;
  /** The roles that this server plays. One that nobody serves at the moment is an error. */
  readonly roles: readonly RoleName[];
  readonly logger: Logger;
  readonly abuse: AbuseControl;
  /** Whether one of these keys is a registered user's; by default nobody is. */
  readonly isRegistered?: ((keys: readonly PublicKey[]) => boolean | Promise<boolean>) | undefined;
  /** How far ahead roles let records be dated, in milliseconds. */
  readonly futureMaxMs: number;
  /** How long ago roles must have a record of a master key for it to vouch for others, in milliseconds. */
  readonly knownAfterMs: number;
  readonly limits?: Partial<GatewayLimits>;
  readonly clock?: Clock;
  readonly events?: GatewayEvents | undefined;
  /** Undefined: nothing is traced, and nothing is told as slow. */
  readonly watching?: Watching | undefined;
  /** Between 0 and 1; spreads what many gateways would do at the same time. */
  readonly random?: () => number;
}

/** A running gateway. */
export interface Gateway {
  /** Its figures; they change while it runs. */
  readonly counters: Readonly<GatewayCounters>;
  /** Makes the handler of a connection that a listener accepted. */
  accept(socket: ClientSocket): SocketHandler;
  /** Who is registered has changed. */
  registeredChanged(): void;
  /**
   * Says goodbye to all clients, spread over the time given, and lets what they submitted be
   * answered. New connections are turned away at once. Resolves when the last one is gone, or at
   * the deadline.
   */
  drain(timeoutMs: number): Promise<void>;
  /** Ends everything now. */
  close(): void;
}

/** Builds a gateway over a bus. */
export function createGateway(options: GatewayOptions): Gateway {
  const { bus, logger, clock = systemClock, events = {} } = options;
  const limits = resolveGatewayLimits(options.limits);
  const counters = createCounters();
  const names = ROLE_NAMES.filter((name) => options.roles.includes(name));
  const services = new Map(names.map((name) => [name, bus.role(name)]));
  const watcher = new GatewayWatcher(clock, options.watching);
  const failed = (error: unknown, requestId?: string): void => {
    if (!isServerFault(error)) return;
    counters.serverFaults += 1;
    logger.error('a role failed', { error, ...(requestId && { request: requestId }) });
  };
  const writer = new MessageWriter();
  const listener = bus.listen(
    (records) => hub.deliver(records),
    (since) => hub.gap(since),
  );
  const isRemote = listener.doubt !== undefined;
  const { getTurnsMs } = limits;
  const roles = new Roles({ bus, services, counters, isRemote, clock, getTurnsMs });
  const identities = (key: Uint8Array): Promise<readonly Uint8Array[]> => roles.identities(key);
  const hub = new SubscriptionHub({
    listener,
    identities,
    sources: (filter, reader, share) => roles.forFilter(filter, reader, share),
    writer,
    limits,
    counters,
    events,
    clock,
    random: options.random ?? Math.random,
    failed,
  });
  const router = createRouter(services, { limits, counters, clock, events, watcher, failed });
  const flusher = new ResultFlusher();
  const standings = new Standings({
    identities,
    isRegistered: options.isRegistered ?? (() => false),
    areKnown: (masters) =>
      areMastersKnown({ roles, clock, knownAfterMs: options.knownAfterMs }, masters),
    failed,
    clock,
  });
  const context: EngineContext = {
    writer,
    hub,
    roles,
    router,
    flusher,
    standings,
    clock,
    futureMaxMs: options.futureMaxMs,
    limits,
    counters,
    events,
    watcher,
    failed,
  };
  return new RunningGateway(context, options.abuse, () => {
    listener.close();
    hub.stop();
  });
}

type QueueContext = Pick<
  EngineContext,
  'limits' | 'counters' | 'events' | 'watcher' | 'failed' | 'clock'
>;

function createRouter(
  services: ReadonlyMap<RoleName, RoleService>,
  { limits, counters, clock, events, watcher, failed }: QueueContext,
): Router {
  const queues: Partial<Record<RoleName, RoleQueue>> = {};
  for (const [name, service] of services) {
    queues[name] = new SubmissionQueue<RoutedSubmission>({
      sharesAs: ({ owner }) => owner.sharesAs,
      connectionOf: ({ owner }) => owner,
      submit: (batch) => watcher.batch(name, batch, (call) => service.submit(batch, call)),
      settle: (submission, result) => router.answered(name, submission, result),
      failed: (error, [first]) => failed(error, first?.calls.at(-1)?.requestId),
      sent: (records) => {
        counters.submissionBatches += 1;
        events.batchSent?.(records);
      },
      limits,
      clock,
    });
  }
  const router = new Router(queues, limits);
  return router;
}

class RunningGateway implements Gateway {
  readonly counters: Readonly<GatewayCounters>;
  readonly #context: EngineContext;
  readonly #abuse: AbuseControl;
  readonly #stop: () => void;
  readonly #connections = new Set<Connection>();
  readonly #shares: FairShare;
  #isRefusing = false;
  #emptied: (() => void) | undefined;

  constructor(context: EngineContext, abuse: AbuseControl, stop: () => void) {
    this.counters = context.counters;
    this.#context = context;
    this.#abuse = abuse;
    this.#stop = stop;
    const { connectionsBusyFrom: busyFrom, connectionsSharedMax: shareMax } = context.limits;
    // How many there may be is the listeners' to say.
    this.#shares = new FairShare({ max: Number.POSITIVE_INFINITY, busyFrom, shareMax });
  }

  accept(socket: ClientSocket): SocketHandler {
    const { remoteAddress: address, clientKey: key } = socket;
    const standing = key && this.#context.standings.ofNewcomer(key);
    const arrival = { address, key, standing };
    const visitor = this.#abuse.admit(arrival, ({ result }) => connection.turnAway(result));
    if ('result' in visitor) {
      dismiss(this.#context.writer, socket, visitor.result);
      return DEAF;
    }
    const { sharesAs } = visitor;
    if (!this.#shares.hasRoom(sharesAs, 1) && visitor.standing !== 'registered') {
      visitor.close();
      dismiss(this.#context.writer, socket, RESULT.TOO_FAST);
      return DEAF;
    }
    this.#shares.take(sharesAs, 1);
    const connection = new Connection(this.#context, socket, visitor, () => {
      this.#shares.give(sharesAs, 1);
      this.#connections.delete(connection);
      if (this.#connections.size === 0) this.#emptied?.();
    });
    this.#connections.add(connection);
    if (this.#isRefusing) connection.shut();
    return connection;
  }

  registeredChanged(): void {
    this.#context.standings.changed();
  }

  async drain(timeoutMs: number): Promise<void> {
    this.#isRefusing = true;
    if (this.#connections.size === 0) return;
    const emptied = new Promise<void>((resolve) => {
      this.#emptied = resolve;
    });
    await drainConnections([...this.#connections], emptied, timeoutMs, this.#context.clock);
  }

  close(): void {
    this.#isRefusing = true;
    for (const connection of this.#connections) connection.shut();
    this.#stop();
  }
}
