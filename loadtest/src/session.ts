/**
 * One server under load: filled where the scenario wants it filled, with a generator process beside
 * it. A session over a server of our own starts it and ends it.
 */
import { GeneratorProcess } from './generator-process.ts';
import type { Options } from './options.ts';
import { RecordCursor, type RecordRange } from './records/record-range.ts';
import { RecordSupply } from './records/record-supply.ts';
import type { Scenario, ScenarioContext } from './scenario.ts';
import { EmbeddedServer } from './server/embedded-server.ts';
import { ProcessReader } from './server/process-usage.ts';
import { type Phase, ServerWatch } from './server/server-watch.ts';

/** Submissions in flight while a store is filled. */
const FILL = { connections: 4, inFlight: 256 } as const;

/** Options of {@link Session.open}. */
export interface SessionOptions {
  readonly options: Options;
  /** Options for the server's Node, where we start it. */
  readonly nodeOptions?: readonly string[];
  /** Processors that the generator has to do with; all of them by default. */
  readonly cores?: readonly number[];
  /** Settings for the server, where we start it. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Told what takes time. */
  readonly say: (line: string) => void;
}

/** What a session runs: a scenario, whatever it gives. */
export interface Work<T> {
  readonly server: Scenario['server'];
  run(context: ScenarioContext): Promise<T>;
}

/** A server and a generator. */
export class Session {
  readonly #options: Options;
  readonly #server: EmbeddedServer | undefined;
  readonly #generator: GeneratorProcess;
  readonly #supply: RecordSupply;
  readonly #watch: ServerWatch;
  readonly #cursor: RecordCursor;
  readonly #say: (line: string) => void;
  #isFilled = false;

  private constructor(
    { options, say }: SessionOptions,
    server: EmbeddedServer | undefined,
    generator: GeneratorProcess,
    url: string,
  ) {
    this.#options = options;
    this.#say = say;
    this.#server = server;
    this.#generator = generator;
    this.#supply = new RecordSupply(setupOf(options, url), say);
    const pids = options.target?.pids ?? (server === undefined ? [] : [server.pid]);
    const withChildren = options.target?.withChildren ?? false;
    this.#watch = new ServerWatch(new ProcessReader(), pids, withChildren, options.target?.groups);
    this.#cursor = new RecordCursor(options.storeRecords);
  }

  /** @throws LoadError where the server or the generator does not start */
  static async open(settings: SessionOptions): Promise<Session> {
    const { options, nodeOptions = [], cores, settings: serverSettings = {} } = settings;
    const { target, listener, tls, dataFolder: parentFolder } = options;
    const server =
      target === undefined
        ? await EmbeddedServer.start({
            parentFolder,
            listener,
            tls,
            nodeOptions,
            settings: serverSettings,
          })
        : undefined;
    const url = target?.url ?? server?.url ?? '';
    try {
      const generator = await GeneratorProcess.start(setupOf(options, url), cores);
      return new Session(settings, server, generator, url);
    } catch (error) {
      await server?.close();
      throw error;
    }
  }

  /** The process of a server that we started. */
  get pid(): number | undefined {
    return this.#server?.pid;
  }

  /** What was measured so far, and when. */
  get phases(): readonly Phase[] {
    return this.#watch.phases;
  }

  /** Runs a scenario, or work like one, once. @throws LoadError where the server fails it */
  async run<T>(scenario: Work<T>): Promise<T> {
    if (scenario.server === 'filled') await this.#fill();
    return scenario.run({
      generator: this.#generator,
      watch: this.#watch,
      store: this.#store,
      scaled: (count) => Math.max(1, Math.round(count * this.#options.scale)),
      takeNumbers: (count) => this.#cursor.take(count),
      takeRecords: async (count) => {
        const range = this.#cursor.take(count);
        await this.#supply.prepare(range);
        return range;
      },
    });
  }

  /** Ends generator and server. */
  async close(): Promise<void> {
    await this.#generator.close();
    await this.#server?.close();
  }

  get #store(): RecordRange {
    return { first: 0, count: this.#options.storeRecords };
  }

  async #fill(): Promise<void> {
    if (this.#isFilled) return;
    await this.#supply.prepare(this.#store);
    this.#say(`filling the store with ${this.#store.count} records`);
    const { connections, inFlight } = FILL;
    await this.#generator.call('open', { pool: 'clients', connections });
    await this.#generator.call('load', this.#store);
    // A server of somebody else's may have been filled by an earlier run.
    const takesDuplicates = this.#server === undefined;
    await this.#generator.call('submit', { inFlight, takesDuplicates });
    await this.#generator.call('close', { pool: 'clients' });
    this.#isFilled = true;
  }
}

function setupOf(
  { seed, cacheFolder }: Options,
  url: string,
): { url: string; seed: number; cacheFolder: string } {
  return { url, seed, cacheFolder };
}
