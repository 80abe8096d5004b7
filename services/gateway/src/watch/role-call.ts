/**
 * One request to a role, as the gateway sees it: its name in the logs of both sides, its span, who
 * answered it, and where its time went.
 */
import type { CallContext, CallReport, CallTrace, RoleName } from '@mosaic-cluster/bus';
import { isMosaicError } from '@mosaic-cluster/protocol';
import { roundedMs, type Span, type TimesByPart } from '@mosaic-cluster/runtime';
import type { Clock } from '../clock.ts';

/** What a call is made of. */
export interface RoleCallOptions {
  readonly role: RoleName;
  readonly requestId: string;
  readonly span: Span | undefined;
  readonly clock: Pick<Clock, 'now'>;
  /** Of a batch, the submission that has waited for the longest. */
  readonly oldest?: object | undefined;
}

/** A request to a role. */
export class RoleCall implements CallContext {
  readonly role: RoleName;
  readonly requestId: string;
  readonly oldest: object | undefined;
  readonly #span: Span | undefined;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #since: number;
  #tookMs: number | undefined;
  #report: CallReport | undefined;
  #failure: unknown;

  constructor({ role, requestId, span, clock, oldest }: RoleCallOptions) {
    this.role = role;
    this.requestId = requestId;
    this.oldest = oldest;
    this.#span = span;
    this.#clock = clock;
    this.#since = clock.now();
  }

  get trace(): CallTrace | undefined {
    return this.#span?.context;
  }

  /** Milliseconds until it was answered, or so far. */
  get tookMs(): number {
    return this.#tookMs ?? this.#clock.now() - this.#since;
  }

  /** The slowest part counts, where it went in several. */
  answered(report: CallReport): void {
    if (report.tookMs >= (this.#report?.tookMs ?? 0)) this.#report = report;
  }

  /** Does the asking. @throws what that throws */
  async during<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#tookMs = this.#clock.now() - this.#since;
      if (this.#report !== undefined) this.#span?.set({ 'mosaic.worker': this.#report.worker });
      this.#span?.end(this.#failure);
    }
  }

  /** Whom it went to, for a sentence. */
  get addressee(): string {
    if (this.#report !== undefined) return `${this.role} at ${this.#report.worker}`;
    if (this.#tookMs === undefined) return `${this.role}, which has not answered yet`;
    return this.#failure === undefined ? this.role : `${this.role}, which did not answer`;
  }

  /**
   * Where its time went: the worker's steps, what else it did, and the way there and back. A worker
   * that says nothing cannot be told from the way.
   */
  get parts(): TimesByPart {
    if (this.#report === undefined) return { 'bus and role': this.tookMs };
    const { tookMs, steps } = this.#report;
    const known = Object.values(steps).reduce((sum, ms) => sum + ms, 0);
    const bus = Math.max(0, this.tookMs - tookMs);
    return { ...steps, other: Math.max(0, tookMs - known), bus };
  }

  /** What a line of a log says of it. */
  get fields(): Readonly<Record<string, unknown>> {
    const { role, requestId } = this;
    const failure = isMosaicError(this.#failure) ? this.#failure.code : this.#failure;
    return {
      request: requestId,
      role,
      worker: this.#report?.worker,
      ...(failure !== undefined && { failure }),
      roleMs: Math.round(this.tookMs),
      ...(this.#report !== undefined && {
        busMs: Math.round(Math.max(0, this.tookMs - this.#report.tookMs)),
        workerMs: Math.round(this.#report.tookMs),
        stepsMs: roundedMs(this.#report.steps),
      }),
    };
  }
}

/** The one that took the longest; undefined: there is none. */
export function slowestOf(calls: readonly RoleCall[]): RoleCall | undefined {
  let slowest: RoleCall | undefined;
  for (const call of calls) {
    if (slowest === undefined || call.tookMs > slowest.tookMs) slowest = call;
  }
  return slowest;
}
