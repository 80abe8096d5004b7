/**
 * Decides whether a service should get traffic, by asking what it depends on. A check is a real
 * round trip: a process that merely exists has said nothing about its stalled database.
 */
import { withDeadline } from './deadline.ts';
import type { Logger } from './logger.ts';

/** One thing that must work before the service can serve. */
export interface ReadinessCheck {
  /** What it asks, as an operator would call it: `nats`, `object store`. */
  readonly name: string;
  /** Resolves when it works, rejects when not; should stop when `signal` aborts. */
  check(signal: AbortSignal): Promise<unknown>;
}

/** Something that does not keep a service from serving, but that whoever asks should hear of. */
export interface ReadinessNote {
  readonly name: string;
  /** A sentence; undefined: nothing to say. */
  note(): string | undefined;
}

/** Where a service is in its life; only `serving` can be ready. */
export type ServingState = 'starting' | 'serving' | 'draining';

/** A check that failed, and why; or something else to say of a part. */
export interface FailedCheck {
  readonly name: string;
  readonly reason: string;
}

/** The answer to "should this service get traffic?". */
export interface ReadinessReport {
  readonly isReady: boolean;
  readonly state: ServingState;
  /** Empty when ready and while draining; while starting, what the start was said to wait for. */
  readonly waitingFor: readonly FailedCheck[];
  /** What else there is to say. */
  readonly notes: readonly FailedCheck[];
}

/** What a {@link Readiness} needs. */
export interface ReadinessOptions {
  /** How long a check may take. */
  readonly checkTimeoutMs: number;
  readonly log: Logger;
  /** Milliseconds that only grow; `performance.now` when absent. */
  readonly now?: () => number;
}

const CHECKS_MAX = 32;
const REASON_LENGTH_MAX = 300;
// A check that never settles is asked anew only this many timeouts later, so that a dead
// dependency can't gather hanging round trips with every probe, and yet is noticed when back.
const HANGING_TIMEOUTS = 10;

/** Runs a service's readiness checks; logs when the answer changes, not at every probe. */
export class Readiness {
  readonly #checkTimeoutMs: number;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #checks: ReadinessCheck[] = [];
  readonly #notes: ReadinessNote[] = [];
  readonly #pendingSince = new Map<string, number>();
  #state: ServingState = 'starting';
  #running: Promise<ReadinessReport> | undefined;
  #lastSummary = '';
  /** What the start waits for, by name, and why it has to. */
  readonly #startWaits = new Map<string, string>();

  constructor(options: ReadinessOptions) {
    this.#checkTimeoutMs = options.checkTimeoutMs;
    this.#log = options.log;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Adds a check. Throws a RangeError for a name that exists, or for more than 32 checks. */
  addCheck(check: ReadinessCheck): void {
    if (this.#checks.length >= CHECKS_MAX) throw new RangeError('more than 32 readiness checks');
    if (this.#checks.some((existing) => existing.name === check.name)) {
      throw new RangeError(`a readiness check called ${check.name} exists already`);
    }
    this.#checks.push(check);
  }

  /** Adds what is said besides. */
  addNote(note: ReadinessNote): void {
    this.#notes.push(note);
  }

  /**
   * Says that the start waits for something, and why, for those who ask while it does. Without a
   * reason: no longer.
   */
  startWaits(name: string, reason?: string): void {
    if (reason === undefined) this.#startWaits.delete(name);
    else if (this.#startWaits.size < CHECKS_MAX) this.#startWaits.set(name, shortened(reason));
  }

  /** Where the service is in its life. */
  get state(): ServingState {
    return this.#state;
  }

  /** Says that the service has started, or begins to stop; takes effect at the next probe. */
  setState(state: ServingState): void {
    this.#state = state;
  }

  /** Asks all checks at the same time. Callers that ask meanwhile share the answer. */
  async report(): Promise<ReadinessReport> {
    if (this.#state === 'serving') {
      this.#running ??= this.#runChecks().finally(() => {
        this.#running = undefined;
      });
      const report = await this.#running;
      // The service may have begun to drain while its checks were running.
      if (this.#state === 'serving') return report;
    }
    const waits = this.#state === 'starting' ? [...this.#startWaits] : [];
    const waitingFor = waits.map(([name, reason]) => ({ name, reason }));
    return { isReady: false, state: this.#state, waitingFor, notes: this.#said() };
  }

  async #runChecks(): Promise<ReadinessReport> {
    const outcomes = await Promise.all(this.#checks.map((check) => this.#ask(check)));
    const waitingFor = outcomes.filter((outcome) => outcome !== undefined);
    const isReady = waitingFor.length === 0;
    const report = { isReady, state: this.#state, waitingFor, notes: this.#said() };
    this.#logChange(report);
    return report;
  }

  async #ask(check: ReadinessCheck): Promise<FailedCheck | undefined> {
    const since = this.#pendingSince.get(check.name);
    const waitedMs = since === undefined ? 0 : this.#now() - since;
    if (since !== undefined && waitedMs < HANGING_TIMEOUTS * this.#checkTimeoutMs) {
      return { name: check.name, reason: `no answer for ${Math.round(waitedMs)} ms` };
    }
    const startedAt = this.#now();
    this.#pendingSince.set(check.name, startedAt);
    try {
      await withDeadline(
        (signal) => this.#askAndForget(check, signal, startedAt),
        this.#checkTimeoutMs,
        'the check',
      );
      return undefined;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { name: check.name, reason: shortened(reason) };
    }
  }

  async #askAndForget(
    check: ReadinessCheck,
    signal: AbortSignal,
    startedAt: number,
  ): Promise<void> {
    try {
      await check.check(signal);
    } finally {
      // A later question may be pending under the same name.
      if (this.#pendingSince.get(check.name) === startedAt) this.#pendingSince.delete(check.name);
    }
  }

  #said(): FailedCheck[] {
    return this.#notes.flatMap((each) => {
      const reason = each.note();
      return reason === undefined ? [] : [{ name: each.name, reason: shortened(reason) }];
    });
  }

  #logChange(report: ReadinessReport): void {
    const summary = report.waitingFor.map((failed) => failed.name).join(', ') || 'ready';
    if (summary === this.#lastSummary) return;
    this.#lastSummary = summary;
    if (report.isReady) this.#log.info('ready');
    else this.#log.warn(`not ready: waiting for ${summary}`, { waitingFor: report.waitingFor });
  }
}

function shortened(reason: string): string {
  return reason.slice(0, REASON_LENGTH_MAX);
}
