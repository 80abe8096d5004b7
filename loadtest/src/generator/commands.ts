/**
 * What a generator process can be told to do. The coordinator calls these by name; each resolves
 * when the work is done, so the coordinator can read the server's usage in between.
 */
import type { SigningTools } from '@mosaic-cluster/protocol';
import { LoadError } from '../load-error.ts';
import { RecordCache } from '../records/record-cache.ts';
import { AUTHORS, RECORD_KIND, RecordPlan } from '../records/record-plan.ts';
import type { RecordRange } from '../records/record-range.ts';
import { StoreIds } from '../records/store-ids.ts';
import { SubmissionFrames } from '../records/submission-frames.ts';
import { ask } from './ask.ts';
import { deliverOneEach, fanOut, type FanOutOptions } from './fan-out.ts';
import type { Outcome } from './outcome.ts';
import { Pool } from './pool.ts';
import { type Question, type QueryMixName, questionsOf } from './query-mix.ts';
import { parseServerAddress } from './server-address.ts';
import type { SoakReport } from './soak/soak-figures.ts';
import { SoakLoad, type SoakOptions } from './soak/soak-load.ts';
import { submit, type SubmitOptions } from './submit.ts';
import { ping, subscribe, unsubscribe } from './subscribe.ts';

/** Where a generator finds its records and its server. */
export interface GeneratorSetup {
  readonly url: string;
  readonly seed: number;
  readonly cacheFolder: string;
}

/** Names of the sets of connections. */
export type PoolName = 'clients' | 'subscribers' | 'publisher';

/** The commands of a generator over its connections. */
export class Generator {
  readonly #setup: GeneratorSetup;
  readonly #plan: RecordPlan;
  readonly #cache: RecordCache;
  readonly #pools = new Map<PoolName, Pool>();
  #store: StoreIds | undefined;
  #soak: SoakLoad | undefined;
  #questions: Question[] = [];
  #frames: SubmissionFrames = new SubmissionFrames([]);

  constructor(setup: GeneratorSetup, tools: Required<SigningTools>) {
    this.#setup = setup;
    this.#plan = new RecordPlan(setup.seed, tools);
    this.#cache = new RecordCache(setup.cacheFolder, setup.seed);
  }

  /** Signs a file of records, where it is missing. */
  async sign({ chunk }: { chunk: number }): Promise<void> {
    if (!this.#cache.has(chunk)) this.#cache.make(chunk, this.#plan);
  }

  /** Opens connections, in addition to those of the same name. */
  async open({ pool, connections }: { pool: PoolName; connections: number }): Promise<void> {
    const address = parseServerAddress(this.#setup.url);
    const existing = this.#pools.get(pool);
    if (existing === undefined) this.#pools.set(pool, await Pool.open(address, connections));
    else await existing.grow(address, connections);
  }

  /** Closes all connections of a name. */
  async close({ pool }: { pool: PoolName }): Promise<void> {
    await this.#pools.get(pool)?.close();
    this.#pools.delete(pool);
  }

  /** Reads records into memory, for the command that submits them. */
  async load(range: RecordRange): Promise<void> {
    this.#frames = new SubmissionFrames([...this.#cache.read(range)]);
  }

  /** Submits what was loaded. */
  async submit(options: SubmitOptions): Promise<Outcome> {
    return submit(this.#pool('clients'), this.#frames, options);
  }

  /** Prepares a mix of questions about the store. */
  async prepareQuestions(params: { mix: QueryMixName; store: RecordRange }): Promise<void> {
    this.#store = new StoreIds(params.store, this.#cache);
    this.#questions = questionsOf(params.mix, this.#plan, this.#store);
  }

  /** Asks the questions that were prepared, in turn. */
  async ask({ count }: { count: number }): Promise<Outcome> {
    if (this.#store === undefined) throw new LoadError('no questions were prepared');
    return ask(this.#pool('clients'), this.#questions, this.#store, count);
  }

  /** Subscribes everybody to all records. */
  async subscribeToAll(): Promise<void> {
    await subscribe(this.#pool('subscribers'), () => [{ name: 'kinds', kinds: [RECORD_KIND] }]);
  }

  /** Subscribes each to an author of its own, none of whom publishes unless told. */
  async subscribeToOneEach(): Promise<void> {
    await subscribe(this.#pool('subscribers'), (connection) => [
      { name: 'authors', keys: [this.#plan.publicKeyOf(AUTHORS + connection)] },
    ]);
  }

  /** Ends the subscriptions. */
  async unsubscribe(): Promise<void> {
    await unsubscribe(this.#pool('subscribers'));
  }

  /** Publishes what was loaded to the subscribers. */
  async fanOut(options: FanOutOptions): Promise<Outcome> {
    return fanOut(this.#pool('publisher'), this.#pool('subscribers'), this.#frames, options);
  }

  /** Publishes a record of each of the first subscribers' authors; checks who gets it. */
  async deliverOneEach({ first, count }: RecordRange): Promise<void> {
    const records = Array.from({ length: count }, (_, i) => {
      return this.#plan.make(first + i, AUTHORS + i).bytes;
    });
    const frames = new SubmissionFrames(records);
    await deliverOneEach(this.#pool('publisher'), this.#pool('subscribers'), frames);
  }

  /** Starts the load of a soak, which goes on until {@link soakStop}. */
  async soakStart(options: SoakOptions): Promise<void> {
    const address = parseServerAddress(this.#setup.url);
    const store = new StoreIds(options.store, this.#cache);
    this.#soak = await SoakLoad.start(options, { address, plan: this.#plan, store });
  }

  /** What happened in the soak since the last report. @throws LoadError for what went wrong */
  async soakReport(): Promise<SoakReport> {
    return this.#running().report();
  }

  /** Ends the soak; what happened since the last report. @throws LoadError as above */
  async soakStop(): Promise<SoakReport> {
    const soak = this.#running();
    this.#soak = undefined;
    return soak.stop();
  }

  /** A request and its answer on every connection. */
  async ping({ pool }: { pool: PoolName }): Promise<void> {
    await ping(this.#pool(pool));
  }

  #running(): SoakLoad {
    if (this.#soak === undefined) throw new LoadError('no soak was started');
    return this.#soak;
  }

  #pool(name: PoolName): Pool {
    const pool = this.#pools.get(name);
    if (pool === undefined) throw new LoadError(`no connections "${name}" are open`);
    return pool;
  }
}

/** The names of the commands. */
export type CommandName = keyof Generator;
/** What a command takes. */
export type CommandInput<N extends CommandName> = Parameters<Generator[N]>;
/** What a command gives. */
export type CommandResult<N extends CommandName> = Awaited<ReturnType<Generator[N]>>;

/** A command on its way to a generator. */
export interface CommandRequest {
  readonly id: number;
  readonly name: CommandName;
  readonly input: readonly unknown[];
}

/** Its answer. */
export type CommandReply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string; readonly isExpected: boolean };
