/** Clients of a cluster under test: records by one author, published without a pause until told. */
import { connect, type MosaicClient } from '@mosaic-cluster/client';
import {
  buildRecord,
  generateSecretKey,
  hexDecode,
  KNOWN_KINDS,
  publicKeyOf,
  type RecordView,
  timestampFromMillis,
} from '@mosaic-cluster/protocol';
import type { LocalCluster } from '../local-cluster.ts';

const IN_FLIGHT = 32;
const POLL_MS = 20;
const TIMEOUT_MS = 30_000;
const GET_MAX = 500;

/** Connects to a gateway, by its place; with a secret key it is authenticated. */
export async function connectTo(
  cluster: Pick<LocalCluster, 'gateways'>,
  gateway: number,
  clientSecretKey?: Uint8Array,
): Promise<MosaicClient> {
  const { mtlsUrl, serverKeyHex } = cluster.gateways[gateway]!.facts!;
  return connect({
    url: mtlsUrl!,
    serverKey: hexDecode(serverKeyHex!),
    verify: false,
    ...(clientSecretKey === undefined ? {} : { clientSecretKey }),
    // A gateway that comes back shall be found soon: nobody else reconnects here.
    reconnect: { shutdownSpreadMs: 200, maxMs: 500 },
  });
}

/** Waits for something to become so. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Somebody who publishes all the time. */
export class Load {
  readonly author: Uint8Array;
  /** What the server said it has. */
  readonly acknowledged: RecordView[] = [];
  readonly failed: unknown[] = [];
  readonly #secretKey = generateSecretKey();
  readonly #client: MosaicClient;
  readonly #records: RecordView[] = [];
  #isStopping = false;
  #running: Promise<void> | undefined;

  constructor(client: MosaicClient) {
    this.#client = client;
    this.author = publicKeyOf(this.#secretKey);
  }

  start(): void {
    this.#running = this.#run();
  }

  /** Waits until so many more records are acknowledged. */
  async more(count: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    await until(`${count} more records to be acknowledged`, () => {
      return this.acknowledged.length >= goal || this.failed.length > 0;
    });
  }

  /** Ends it; resolves when everything that was handed in has an outcome. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for await (const outcome of this.#client.publishMany(this.#source(), {
      inFlightMax: IN_FLIGHT,
    })) {
      if (outcome.error === undefined) this.acknowledged.push(this.#records[outcome.index]!);
      else this.failed.push(outcome.error);
    }
  }

  *#source(): Generator<RecordView> {
    while (!this.#isStopping) {
      const count = this.#records.length;
      const record = buildRecord({
        kind: KNOWN_KINDS['microblog-root'],
        timestamp: timestampFromMillis(Date.now()) + BigInt(count),
        secretKey: this.#secretKey,
        payload: new TextEncoder().encode(`record ${count}`),
      });
      this.#records.push(record);
      yield record;
    }
  }
}

/** Somebody who listens to an author, from before the first record on. */
export class Audience {
  /** Hex IDs, in the order in which the records came. */
  readonly seen: string[] = [];
  #isLive = false;
  readonly #events: ReturnType<MosaicClient['subscribe']>;
  readonly #listening: Promise<void>;

  private constructor(client: MosaicClient, author: Uint8Array) {
    this.#events = client.subscribe([{ name: 'authors', keys: [author] }]);
    this.#listening = this.#listen();
  }

  /** Subscribes; resolves when everything from now on comes. */
  static async of(client: MosaicClient, author: Uint8Array): Promise<Audience> {
    const audience = new Audience(client, author);
    await until('the subscription to be live', () => audience.#isLive);
    return audience;
  }

  /** Waits until so many records have come. */
  async hasSeen(count: number): Promise<void> {
    await until(`${count} records to arrive`, () => this.seen.length >= count);
  }

  async close(): Promise<void> {
    await this.#events.return();
    await this.#listening;
  }

  async #listen(): Promise<void> {
    for await (const event of this.#events) {
      if (event.name === 'record') this.seen.push(idOf(event.record));
      this.#isLive ||= event.name === 'locallyComplete';
    }
  }
}

/** Hex IDs of those records that a client does not get. */
export async function missing(
  client: MosaicClient,
  records: readonly RecordView[],
): Promise<string[]> {
  const wanted = new Set(records.map(idOf));
  for (let at = 0; at < records.length; at += GET_MAX) {
    const ids = records.slice(at, at + GET_MAX).map(({ id }) => id);
    for await (const record of client.get(ids)) wanted.delete(idOf(record));
  }
  return [...wanted];
}

/** A record's ID in hex. */
export function idOf(record: RecordView): string {
  return Buffer.from(record.id).toString('hex');
}
