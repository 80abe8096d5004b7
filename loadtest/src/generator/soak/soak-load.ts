/** The load of a soak as a whole: everything a server's clients do, at a steady pace, for hours. */
import { setTimeout } from 'node:timers/promises';
import { LoadError } from '../../load-error.ts';
import type { RecordPlan } from '../../records/record-plan.ts';
import type { RecordRange } from '../../records/record-range.ts';
import type { StoreIds } from '../../records/store-ids.ts';
import { Pool } from '../pool.ts';
import type { ServerAddress } from '../server-address.ts';
import { SoakAskers } from './soak-askers.ts';
import { SoakAudience } from './soak-audience.ts';
import { SoakChurners } from './soak-churners.ts';
import { SoakFigures, type SoakReport } from './soak-figures.ts';
import { SoakRecords } from './soak-records.ts';
import { SoakSubmitter } from './soak-submitter.ts';
import { readSlowly, visit, type VisitOptions } from './soak-visitors.ts';

/** How much of everything. */
export interface SoakOptions {
  /** What the server was filled with. */
  readonly store: RecordRange;
  /** Records to submit. */
  readonly numbers: RecordRange;
  readonly submissionsPerSecond: number;
  readonly queriesPerSecond: number;
  readonly getsPerSecond: number;
  readonly visitsPerSecond: number;
  readonly resubscriptionsPerSecond: number;
  readonly slowReadEveryMs: number;
  readonly slowReadPauseMs: number;
}

/** Connections by what they do. */
const CONNECTIONS = { submitters: 8, askers: 16, audience: 82, churners: 18 } as const;
/** Between two looks at what is due. */
const LOOK_MS = 5;
const CHECK_MS = 1_000;
/** Time that all answers have to arrive when nothing more is asked. */
const DRAIN_MS = 60_000;

interface Paced {
  readonly perSecond: number;
  readonly act: () => void;
  done: number;
}

/** A running load. */
export class SoakLoad {
  readonly #pools: readonly Pool[];
  readonly #parts: readonly (SoakSubmitter | SoakAskers | SoakAudience | SoakChurners)[];
  readonly #figures: SoakFigures;
  readonly #timers: NodeJS.Timeout[] = [];
  #failure: unknown;
  #hasFailed = false;
  #visits = 0;

  private constructor(
    options: SoakOptions,
    pools: readonly [Pool, Pool, Pool, Pool],
    visits: VisitOptions,
    audience: SoakAudience,
  ) {
    const { plan, store, figures } = visits;
    const records = new SoakRecords(plan, options.numbers);
    const submitter = new SoakSubmitter(pools[0], records, audience, figures);
    const askers = new SoakAskers(pools[1], plan, store, records, figures);
    const churners = new SoakChurners(pools[3], plan, figures);
    this.#pools = pools;
    this.#figures = figures;
    this.#parts = [submitter, askers, audience, churners];
    for (const part of this.#parts) part.run().catch((error: unknown) => this.#failed(error));
    const slowReadsPerSecond = 1_000 / options.slowReadEveryMs;
    const { slowReadPauseMs } = options;
    this.#pace([
      paced(options.submissionsPerSecond, () => submitter.submit()),
      paced(options.queriesPerSecond, () => askers.query()),
      paced(options.getsPerSecond, () => askers.get()),
      paced(options.resubscriptionsPerSecond, () => churners.churn()),
      paced(options.visitsPerSecond, () => this.#visit(visit(visits))),
      paced(slowReadsPerSecond, () => this.#visit(readSlowly(visits, slowReadPauseMs))),
    ]);
    this.#timers.push(setInterval(() => this.#try(() => audience.check()), CHECK_MS));
  }

  /** Opens the connections and begins. @throws LoadError where the server refuses */
  static async start(
    options: SoakOptions,
    world: { readonly address: ServerAddress; readonly plan: RecordPlan; readonly store: StoreIds },
  ): Promise<SoakLoad> {
    const { address, plan } = world;
    const figures = new SoakFigures();
    const pools: Pool[] = [];
    try {
      const { submitters, askers, audience, churners } = CONNECTIONS;
      for (const connections of [submitters, askers, audience, churners]) {
        pools.push(await Pool.open(address, connections));
      }
      const [first, second, third, fourth] = pools as [Pool, Pool, Pool, Pool];
      const listeners = new SoakAudience(third, plan, figures);
      await listeners.subscribe();
      const visits = { ...world, figures };
      return new SoakLoad(options, [first, second, third, fourth], visits, listeners);
    } catch (error) {
      await Promise.all(pools.map((pool) => pool.close()));
      throw error;
    }
  }

  /** What happened since the last report. @throws LoadError for what went wrong */
  report(): SoakReport {
    if (this.#hasFailed) throw this.#failure;
    return this.#figures.take();
  }

  /** Asks nothing more, waits for all answers, and closes. @throws LoadError as above */
  async stop(): Promise<SoakReport> {
    for (const timer of this.#timers) clearInterval(timer);
    try {
      const end = performance.now() + DRAIN_MS;
      while (!this.#hasFailed && !this.#isIdle) {
        if (performance.now() > end) throw new LoadError('the last answers did not come');
        await setTimeout(LOOK_MS);
      }
      return this.report();
    } finally {
      for (const part of this.#parts) part.stop();
      await Promise.all(this.#pools.map((pool) => pool.close()));
    }
  }

  get #isIdle(): boolean {
    return this.#visits === 0 && this.#parts.every((part) => part.isIdle);
  }

  #pace(activities: readonly Paced[]): void {
    const start = performance.now();
    const look = (): void => {
      const seconds = (performance.now() - start) / 1000;
      for (const each of activities) {
        // What a late timer missed is made up for: the rates hold in the long run.
        for (; each.done < Math.floor(seconds * each.perSecond); each.done++) each.act();
      }
    };
    this.#timers.push(setInterval(() => this.#try(look), LOOK_MS));
  }

  #visit(visiting: Promise<void>): void {
    this.#visits += 1;
    visiting
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#visits -= 1;
      });
  }

  #try(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    for (const timer of this.#timers) clearInterval(timer);
    if (!this.#hasFailed) this.#failure = error;
    this.#hasFailed = true;
  }
}

function paced(perSecond: number, act: () => void): Paced {
  return { perSecond, act, done: 0 };
}
