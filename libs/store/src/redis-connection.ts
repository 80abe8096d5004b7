/**
 * The connection to Redis: sends scripts in batches, one message per node, and answers or fails
 * within a fixed time, whatever the servers do.
 */
import { createHash } from 'node:crypto';
import { MosaicError } from '@mosaic-cluster/protocol';
import type { Cluster, Command, Redis } from 'ioredis';
import { answeredError, redisBusy, redisFailure, redisTimeout } from './redis-failure.ts';
import { planRedis, type RedisConnectionOptions, type RedisPlan } from './redis-options.ts';
import { slotOf } from './redis-slot.ts';

/** A Lua script; it is sent whole only to servers that do not know it. */
export interface RedisScript {
  readonly source: string;
  /** What Redis calls it. */
  readonly sha: string;
}

/** Makes a script. */
export function redisScript(source: string): RedisScript {
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/** A call of a script. All keys that it uses are in the slot of `key`. */
export interface ScriptCall {
  readonly script: RedisScript;
  readonly key: Buffer;
  readonly args: readonly (Buffer | string | number)[];
}

/** What a script answers. */
export type RedisReply = Buffer | number | null | readonly RedisReply[];

/** A connection, used by any number of callers at once. */
export interface RedisConnection {
  /** Stands before every key. */
  readonly keyPrefix: string;
  /**
   * Calls scripts, all at once.
   *
   * @returns one reply per call, in order
   * @throws MosaicError of the first call that failed, the others may have been made: `unavailable`
   *   (`redis-…`), `limited` (`redis-busy`), `closed`, `internal`
   */
  run(calls: readonly ScriptCall[]): Promise<RedisReply[]>;
  /** A round trip to every master. Throws as {@link run} does. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** Memory of a Redis server. */
export interface RedisMemory {
  readonly usedBytes: number;
  /** 0: there is no limit. */
  readonly maxBytes: number;
}

/** A connection that knows its servers. */
export interface RedisServers extends RedisConnection {
  /** What every master has of memory. Throws as {@link run} does. */
  memory(): Promise<readonly RedisMemory[]>;
}

/** The driver, which only servers that use Redis load. */
type Driver = Pick<typeof import('ioredis'), 'Cluster' | 'Command' | 'Redis'>;

/** What the driver's pipeline can do, though its types do not say so. */
interface CommandPipeline {
  sendCommand(command: Command): unknown;
  exec(): Promise<readonly Outcome[]>;
}

/** A call that waits to be sent, and the calls that were made together with it. */
interface Queued {
  readonly call: ScriptCall;
  readonly at: number;
  readonly batch: {
    readonly replies: RedisReply[];
    left: number;
    readonly resolve: () => void;
    readonly reject: (error: MosaicError) => void;
  };
}

type Outcome = readonly [error: Error | null, value?: unknown];

/**
 * Connects.
 *
 * @param onError told of every connection that fails, later ones too; the connection mends itself
 * @throws MosaicError `invalid` (`redis-options`), `unavailable` naming the servers
 */
export async function openRedis(
  options: RedisConnectionOptions,
  onError: (error: MosaicError) => void = () => {},
): Promise<RedisServers> {
  const plan = planRedis(options);
  const connection = new DriverConnection(await import('ioredis'), plan, onError);
  try {
    await connection.open();
  } catch (error) {
    await connection.close();
    throw error;
  }
  return connection;
}

class DriverConnection implements RedisServers {
  readonly keyPrefix: string;
  readonly #plan: RedisPlan;
  readonly #driver: Driver;
  readonly #client: Redis | Cluster;
  #lastError: unknown;
  #queued: Queued[] = [];
  /** Calls not answered. What ran out of time still waits for its answer, or its connection's end. */
  #pending = 0;
  #closed = false;

  constructor(driver: Driver, plan: RedisPlan, onError: (error: MosaicError) => void) {
    this.#driver = driver;
    this.#plan = plan;
    this.keyPrefix = plan.keyPrefix;
    const { servers } = plan;
    this.#client = servers.isCluster
      ? withoutAsking(new driver.Cluster([...servers.nodes], servers.options))
      : new driver.Redis(servers.options);
    const note = (error: Error): void => {
      this.#lastError = error;
      if (!this.#closed) onError(redisFailure(error));
    };
    this.#client.on('error', note);
    if (this.#isCluster(this.#client)) this.#client.on('node error', note);
  }

  async open(): Promise<void> {
    const { connectTimeoutMs, addresses } = this.#plan;
    try {
      await this.#within(connectTimeoutMs, this.#ready());
      await this.#refuseEviction();
    } catch (error) {
      const { kind, code, message } = redisFailure(this.#lastError ?? error);
      throw new MosaicError(kind, code, `${message}; asked: ${addresses}`);
    }
  }

  async run(calls: readonly ScriptCall[]): Promise<RedisReply[]> {
    this.#assertOpen();
    const { pendingMax, commandTimeoutMs } = this.#plan;
    if (calls.length === 0) return [];
    if (this.#pending > 0 && this.#pending + calls.length > pendingMax) throw redisBusy(pendingMax);
    this.#pending += calls.length;
    const replies = new Array<RedisReply>(calls.length);
    const made = new Promise<void>((resolve, reject) => {
      const batch = { replies, left: calls.length, resolve, reject };
      if (this.#queued.length === 0) setImmediate(() => this.#sendQueued());
      calls.forEach((call, at) => this.#queued.push({ call, at, batch }));
    });
    await this.#within(commandTimeoutMs, made);
    return replies;
  }

  async check(): Promise<void> {
    this.#assertOpen();
    const pings = this.#masters().map((master) => master.ping());
    await this.#within(this.#plan.commandTimeoutMs, Promise.all(pings));
  }

  async memory(): Promise<readonly RedisMemory[]> {
    this.#assertOpen();
    const infos = this.#masters().map((master) => master.info('memory'));
    const texts = await this.#within(this.#plan.commandTimeoutMs, Promise.all(infos));
    return texts.map((info) => ({
      usedBytes: Number(/^used_memory:(\d+)/m.exec(info)?.[1] ?? 0),
      maxBytes: Number(/^maxmemory:(\d+)/m.exec(info)?.[1] ?? 0),
    }));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.disconnect();
  }

  /**
   * Connects; resolves when commands are taken. A cluster that does not pass the driver's own check
   * at once is connected to again by the driver, of which what `connect` gave never hears.
   */
  async #ready(): Promise<void> {
    let isReady = (): void => {};
    const ready = new Promise<void>((resolve) => {
      isReady = resolve;
    });
    this.#client.once('ready', isReady);
    try {
      await Promise.race([this.#client.connect(), ready]);
    } finally {
      this.#client.off('ready', isReady);
    }
  }

  /** What a turn of the event loop brought: many callers share a message to each node. */
  #sendQueued(): void {
    const queued = this.#queued;
    this.#queued = [];
    for (const some of this.#groups(queued).values()) void this.#send(some);
  }

  /** The calls by the node that they go to. */
  #groups(queued: readonly Queued[]): Map<string, Queued[]> {
    const groups = new Map<string, Queued[]>();
    const client = this.#client;
    for (const each of queued) {
      const name = this.#isCluster(client)
        ? (client.slots[slotOf(each.call.key)]?.join(';') ?? '')
        : '';
      const group = groups.get(name);
      if (group === undefined) groups.set(name, [each]);
      else group.push(each);
    }
    return groups;
  }

  /** Never rejects: every call is answered or fails by itself. */
  async #send(some: readonly Queued[]): Promise<void> {
    try {
      const pipeline = this.#client.pipeline() as unknown as CommandPipeline;
      for (const { call } of some) pipeline.sendCommand(this.#command(call, false));
      const outcomes = await pipeline.exec();
      some.forEach((each, n) => {
        const [error, value] = outcomes[n]!;
        if (error === null) this.#settle(each, value as RedisReply);
        else void this.#sendAgain(each, error);
      });
    } catch (error) {
      for (const each of some) this.#fail(each, error);
    }
  }

  /** Sends a call that was not made because its script is unknown, or its slot has moved. */
  async #sendAgain(queued: Queued, error: Error): Promise<void> {
    try {
      const word = answeredError(error);
      if (word !== 'NOSCRIPT' && word !== 'MOVED') throw error;
      const value = await this.#client.sendCommand(this.#command(queued.call, true));
      this.#settle(queued, value as RedisReply);
    } catch (cause) {
      this.#fail(queued, cause);
    }
  }

  #settle({ at, batch }: Queued, value: RedisReply): void {
    this.#pending -= 1;
    batch.replies[at] = value;
    batch.left -= 1;
    if (batch.left === 0) batch.resolve();
  }

  #fail({ batch }: Queued, error: unknown): void {
    this.#pending -= 1;
    batch.reject(redisFailure(error));
  }

  #masters(): Redis[] {
    return this.#isCluster(this.#client) ? this.#client.nodes('master') : [this.#client];
  }

  /** A server that may drop keys when it is full would answer wrongly without anybody noticing. */
  async #refuseEviction(): Promise<void> {
    const infos = this.#masters().map((master) => master.info('memory'));
    for (const info of await this.#within(this.#plan.connectTimeoutMs, Promise.all(infos))) {
      const policy = /^maxmemory_policy:(allkeys-\S+)/m.exec(info)?.[1];
      if (policy === undefined) continue;
      const message =
        `Redis drops keys when its memory is full (maxmemory-policy ${policy}): ` +
        'set maxmemory-policy to noeviction';
      throw new MosaicError('unavailable', 'redis-evicts', message);
    }
  }

  async #within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(redisTimeout(timeoutMs)), timeoutMs);
    });
    try {
      return await Promise.race([work, late]);
    } catch (error) {
      throw redisFailure(error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** A command whose reply stays bytes. */
  #command({ script, key, args }: ScriptCall, whole: boolean): Command {
    const name = whole ? 'eval' : 'evalsha';
    const words = [whole ? script.source : script.sha, 1, key, ...args] as (Buffer | string)[];
    return new this.#driver.Command(name, words, { replyEncoding: null });
  }

  #isCluster(client: Redis | Cluster): client is Cluster {
    return client instanceof this.#driver.Cluster;
  }

  #assertOpen(): void {
    if (!this.#closed) return;
    throw new MosaicError('closed', 'redis-closed', 'the connection to Redis was closed');
  }
}

/**
 * Has calls to a slot that is on its way to another node wait a moment and fail, until it has arrived.
 * The driver would make them there; but a script finds nothing there of what has not moved yet, and
 * would take it for absent.
 */
function withoutAsking(cluster: Cluster): Cluster {
  const handle = cluster.handleError.bind(cluster);
  cluster.handleError = (error, redirections, handlers) => {
    const isAsk = error.message.startsWith('ASK ');
    handle(isAsk ? new Error('TRYAGAIN') : error, redirections, handlers);
  };
  return cluster;
}
