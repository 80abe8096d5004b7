/** A gateway with everything around it that a test wants to hold in its hands. */
import type { AbuseControl } from '@mosaic-cluster/abuse';
import { testControl } from '@mosaic-cluster/abuse/testing';
import { type Bus, MemoryBus, ROLE_NAMES, type RoleName } from '@mosaic-cluster/bus';
import {
  buildFilter,
  encodeMessage,
  encodeSubmission,
  type FilterElementInput,
  type QueryId,
  type RecordView,
  type Reference,
} from '@mosaic-cluster/protocol';
import { silentLogger } from '@mosaic-cluster/runtime';
import { createGateway, type Gateway } from '../src/gateway.ts';
import type { GatewayLimits } from '../src/limits.ts';
import type { Watching } from '../src/watch/gateway-watcher.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeSocket } from './fake-socket.ts';
import { NaiveRole } from './naive-role.ts';

/** How far ahead records may be dated. */
export const FUTURE_MAX_MS = 1_000;

/** For how long a master key must have been known to vouch for another. */
export const KNOWN_AFTER_MS = 100_000;

/** The gateway and its surroundings. */
export class TestGateway<B extends Bus = MemoryBus> {
  readonly bus: B;
  readonly clock: FakeClock = new FakeClock();
  readonly gateway: Gateway;
  readonly outbox: NaiveRole;
  readonly inbox: NaiveRole;
  readonly encryption: NaiveRole;

  /** The requests whose stored records were all written, and after how many seconds. */
  readonly answered: string[] = [];
  /** The requests that failed before all of their stored records were written. */
  readonly failed: string[] = [];

  /** @param makeBus by default a bus within the process */
  constructor(
    limits: Partial<GatewayLimits> = {},
    roles: readonly RoleName[] = ROLE_NAMES,
    makeBus?: (clock: FakeClock) => B,
    abuse: AbuseControl = testControl().control,
    watching?: Watching,
  ) {
    this.bus = makeBus?.(this.clock) ?? (new MemoryBus() as Bus as B);
    this.outbox = new NaiveRole(this.bus, 'outbox');
    this.inbox = new NaiveRole(this.bus, 'inbox');
    this.encryption = new NaiveRole(this.bus, 'encryption');
    const { bus, clock } = this;
    const random = (): number => 0.5;
    const logger = silentLogger;
    this.gateway = createGateway({
      bus,
      roles,
      abuse,
      logger,
      futureMaxMs: FUTURE_MAX_MS,
      knownAfterMs: KNOWN_AFTER_MS,
      limits,
      clock,
      random,
      events: {
        storedSent: (request, seconds) => this.answered.push(`${request} ${seconds}`),
        storedFailed: (request) => this.failed.push(request),
      },
      watching,
    });
  }

  /** A new client; with a key it is authenticated. */
  readonly connect = (key?: Uint8Array, address?: string): TestClient => {
    const socket = new FakeSocket(key, address);
    socket.handler = this.gateway.accept(socket);
    return new TestClient(socket);
  };
}

/** One client and its socket. */
export class TestClient {
  readonly socket: FakeSocket;

  constructor(socket: FakeSocket) {
    this.socket = socket;
  }

  /** Sends a message in a buffer that is overwritten afterwards, as listeners do. */
  send(message: Uint8Array): void {
    const buffer = Buffer.from(message);
    this.socket.handler.message(buffer);
    buffer.fill(0xee);
  }

  get(queryId: QueryId, ...references: Reference[]): void {
    this.send(encodeMessage({ name: 'get', queryId, references }));
  }

  query(queryId: QueryId, elements: readonly FilterElementInput[], limit = 0): void {
    this.send(encodeMessage({ name: 'query', queryId, limit, filter: buildFilter(elements) }));
  }

  subscribe(queryId: QueryId, elements: readonly FilterElementInput[], limit = 0): void {
    this.send(encodeMessage({ name: 'subscribe', queryId, limit, filter: buildFilter(elements) }));
  }

  unsubscribe(queryId: QueryId): void {
    this.send(encodeMessage({ name: 'unsubscribe', queryId }));
  }

  submit(record: RecordView): void {
    this.send(encodeSubmission(record.bytes));
  }

  /** What was sent since the last look, once nothing more is under way. */
  async story(): Promise<string[]> {
    await quiet();
    return this.socket.takeStory();
  }
}

/** Lets everything happen that waits for nothing but its turn. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}

/** An item that must be there. */
export function at<T>(list: readonly T[], index: number): T {
  const item = list[index];
  if (item === undefined) throw new RangeError(`no item ${index} among ${list.length}`);
  return item;
}
