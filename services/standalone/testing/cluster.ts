/**
 * A cluster within one process: NATS servers routed together, and gateways and role workers that
 * know each other over them only. Storage is that of the embedded server.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testControl } from '@mosaic-cluster/abuse/testing';
import { type Bus, ROLE_NAMES, type RoleName, type RoleService } from '@mosaic-cluster/bus';
import { BUS_LIMITS, type BusLimits, connectNatsBus, type NatsBus } from '@mosaic-cluster/bus/nats';
import { encryptionPolicy } from '@mosaic-cluster/encryption';
import { createGateway, type Gateway, type GatewayLimits } from '@mosaic-cluster/gateway';
import { inboxPolicy } from '@mosaic-cluster/inbox';
import { outboxPolicy } from '@mosaic-cluster/outbox';
import { timestampFromMillis } from '@mosaic-cluster/protocol';
import { COMMIT_BOUNDS, KeyDirectory, type RolePolicy, RoleWorker } from '@mosaic-cluster/role';
import { silentLogger } from '@mosaic-cluster/runtime';
import {
  openIndexEnvironment,
  openSegmentLog,
  type RecordIndex,
  type SegmentLog,
} from '@mosaic-cluster/store';
import { type NatsServer, startNatsCluster } from '@mosaic-cluster/test-servers';
import { createVerifier, type Verifier } from '@mosaic-cluster/verifier';
import { ClusterClient } from './cluster-client.ts';

/** What makes failures show within a second or two. */
const QUICK_BUS: Partial<BusLimits> = {
  beatIntervalMs: 100,
  silenceMs: 600,
  gapMarginMs: 5_000,
  settleMs: 1_000,
  syncTimeoutMs: 300,
  requestTimeoutMs: 3_000,
  pingIntervalMs: 300,
  retryPauseMs: 50,
  absenceMs: 200,
  closeTimeoutMs: 2_000,
};
/** Everybody is served. */
const EVERYBODY = { serves: () => true, knows: () => true };

/** A gateway and its own way to the others. */
export interface ClusterGateway {
  readonly gateway: Gateway;
  readonly bus: NatsBus;
}

/** Where a role is served. */
export class ClusterWorker {
  readonly role: RoleName;
  readonly bus: NatsBus;
  readonly #service: RoleService;
  #stop: (() => void) | undefined;
  #thawed: Promise<void> | undefined;
  #thaw: () => void = () => {};

  constructor(role: RoleName, bus: NatsBus, service: RoleService) {
    this.role = role;
    this.bus = bus;
    this.#service = service;
    this.serve();
  }

  /** Serves, again perhaps. */
  serve(): void {
    const service = this.#service;
    const later = async <T>(call: () => Promise<T>): Promise<T> => {
      await this.#thawed;
      return call();
    };
    this.#stop = this.bus.serve(this.role, {
      submit: (submissions) => later(() => service.submit(submissions)),
      query: (request) => later(() => service.query(request)),
      get: (request) => later(() => service.get(request)),
      identities: (key) => later(() => service.identities(key)),
    });
  }

  /** Serves no longer. */
  stop(): void {
    this.#stop?.();
  }

  /** Takes requests and answers none. */
  freeze(): void {
    this.#thawed = new Promise((resolve) => {
      this.#thaw = resolve;
    });
  }

  /** Answers everything. */
  thaw(): void {
    this.#thaw();
    this.#thawed = undefined;
  }
}

/** How a cluster differs from the usual. */
export interface ClusterOptions {
  readonly bus?: Partial<BusLimits>;
  readonly gateway?: Partial<GatewayLimits>;
}

/** Two NATS servers, a gateway at each, and workers at both. */
export class TestCluster {
  readonly servers: readonly NatsServer[];
  readonly gateways: readonly ClusterGateway[];
  readonly workers: readonly ClusterWorker[];
  readonly #cleanUp: (() => Promise<unknown>)[];

  private constructor(
    servers: readonly NatsServer[],
    gateways: readonly ClusterGateway[],
    workers: readonly ClusterWorker[],
    cleanUp: (() => Promise<unknown>)[],
  ) {
    this.servers = servers;
    this.gateways = gateways;
    this.workers = workers;
    this.#cleanUp = cleanUp;
  }

  static async start(options: ClusterOptions = {}): Promise<TestCluster> {
    const cleanUp: (() => Promise<unknown>)[] = [];
    const servers = await startNatsCluster(2, { config: 'max_payload: 2MB' });
    cleanUp.push(() => Promise.all(servers.map((server) => server.stop())));
    const limits = { ...BUS_LIMITS, ...QUICK_BUS, ...options.bus };
    const connect = async (first: number): Promise<NatsBus> => {
      const near = [servers[first % 2]!, servers[(first + 1) % 2]!];
      const bus = await connectNatsBus({ servers: near.map(({ url }) => url), limits });
      cleanUp.push(() => bus.close());
      return bus;
    };
    const stores = await openStores(cleanUp);
    const workers: ClusterWorker[] = [];
    for (const [i, role] of ROLE_NAMES.entries()) {
      const bus = await connect(i);
      workers.push(new ClusterWorker(role, bus, await openWorker(role, stores, bus)));
    }
    const gateways: ClusterGateway[] = [];
    for (const first of [0, 1]) {
      const bus = await connect(first);
      const gateway = createGateway({
        bus,
        roles: ROLE_NAMES,
        abuse: testControl().control,
        futureMaxMs: 60_000,
        knownAfterMs: 0,
        logger: silentLogger,
        limits: { catchUpSpreadMs: 100, ...options.gateway },
      });
      cleanUp.push(async () => gateway.close());
      gateways.push({ gateway, bus });
    }
    return new TestCluster(servers, gateways, workers, cleanUp);
  }

  /** A client of one of the gateways. */
  connect(gateway: number, key?: Uint8Array): ClusterClient {
    return new ClusterClient(this.gateways[gateway % this.gateways.length]!.gateway, key);
  }

  async close(): Promise<void> {
    for (const step of this.#cleanUp.splice(0).reverse()) await step();
  }
}

interface Stores {
  readonly roles: Readonly<
    Record<RoleName, { readonly log: SegmentLog; readonly index: RecordIndex }>
  >;
  readonly directory: KeyDirectory;
  readonly verifier: Verifier;
}

async function openStores(cleanUp: (() => Promise<unknown>)[]): Promise<Stores> {
  const folder = await mkdtemp(join(tmpdir(), 'mosaic-cluster-'));
  cleanUp.push(() => rm(folder, { recursive: true, force: true }));
  const environment = await openIndexEnvironment({ directory: join(folder, 'index') });
  cleanUp.push(() => environment.close());
  const open = async (role: RoleName): Promise<Stores['roles'][RoleName]> => {
    const log = await openSegmentLog({
      directory: join(folder, role),
      role,
      segmentBytesMax: 1_048_576,
      cacheBytesMax: 16_777_216,
      freeBytesMin: 0,
    });
    cleanUp.push(() => log.close());
    return { log, index: environment.index(role) };
  };
  const outbox = await open('outbox');
  const inbox = await open('inbox');
  const encryption = await open('encryption');
  const directory = new KeyDirectory([outbox, inbox]);
  const verifier = await createVerifier({ workers: 0 });
  cleanUp.push(() => verifier.close());
  return { roles: { outbox, inbox, encryption }, directory, verifier };
}

async function openWorker(role: RoleName, stores: Stores, bus: Bus): Promise<RoleWorker> {
  const { roles, directory, verifier } = stores;
  const worker = new RoleWorker({
    ...roles[role],
    policy: policyOf(role),
    directory,
    users: EVERYBODY,
    verifier,
    bus,
    now: () => timestampFromMillis(Date.now()),
    futureNanosMax: 600_000_000_000n,
    commitBounds: COMMIT_BOUNDS,
  });
  await worker.recover();
  return worker;
}

function policyOf(role: RoleName): RolePolicy {
  if (role === 'inbox') return inboxPolicy('none');
  return role === 'outbox' ? outboxPolicy : encryptionPolicy;
}
