/**
 * Follows a request through its worker: where its time goes, which spans it has in its trace, and a
 * line in the log where it was slow, under the name that the gateway's log has for it, too.
 */
import type { CallContext, CallReport, CallStep, CallTrace, RoleName } from '@mosaic-cluster/bus';
import {
  mostOf,
  noSlowLog,
  noTracer,
  roundedMs,
  type SlowLog,
  type Span,
  type Tracer,
} from '@mosaic-cluster/runtime';

/** Requests of workers that are followed. */
export type WatchedRequest = 'submit' | 'query' | 'get';

/** What follows requests. */
export interface RequestWatcherOptions {
  readonly role: RoleName;
  readonly tracer: Tracer;
  readonly slow: SlowLog;
  /** What this process is called in reports and logs. */
  readonly worker: string;
}

/** Follows the requests of one worker. */
export class RequestWatcher {
  readonly #options: RequestWatcherOptions;

  constructor(options: RequestWatcherOptions) {
    this.#options = options;
  }

  /** Begins the spans of what many requests do together. */
  get tracer(): Tracer {
    return this.#options.tracer;
  }

  /**
   * Does the work of a request.
   *
   * @param count what it asks for: submissions, references, or records at most
   * @throws what the work throws
   */
  async follow<T>(
    request: WatchedRequest,
    count: number,
    call: CallContext | undefined,
    work: (watch: RequestWatch) => Promise<T>,
  ): Promise<T> {
    const { role, tracer } = this.#options;
    const span = tracer.start(`${request} ${role}`, call?.trace, {
      kind: 'server',
      attributes: { 'mosaic.role': role, 'mosaic.count': count },
    });
    const watch = new RequestWatch(tracer, call?.requestId, span);
    const since = performance.now();
    let failure: unknown;
    try {
      return await tracer.run(span, () => work(watch));
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      span?.end(failure);
      this.#tell(request, count, call, watch.report(this.#options.worker, since), failure);
    }
  }

  #tell(
    request: WatchedRequest,
    count: number,
    call: CallContext | undefined,
    report: CallReport,
    failure: unknown,
  ): void {
    call?.answered(report);
    const { slow, role, worker } = this.#options;
    if (!slow.isSlow(report.tookMs)) return;
    const tookMs = Math.round(report.tookMs);
    slow.warn(`slow ${request} of ${role}: ${tookMs} ms${mostOf(tookMs, report.steps)}`, {
      request: call?.requestId,
      worker,
      tookMs,
      stepsMs: roundedMs(report.steps),
      [request === 'submit' ? 'submissions' : 'wanted']: count,
      ...(failure !== undefined && { error: failure }),
    });
  }
}

/** A watch for what is no request of a gateway. */
export function idleWatch(): RequestWatch {
  return new RequestWatch(noTracer, undefined, undefined);
}

/** Follows nothing, for workers that nobody watches. */
export function unwatched(role: RoleName): RequestWatcher {
  return new RequestWatcher({ role, tracer: noTracer, slow: noSlowLog, worker: '-' });
}

/** One request under way. */
export class RequestWatch {
  /** Its name in logs; undefined: it has none. */
  readonly requestId: string | undefined;
  readonly #tracer: Tracer;
  readonly #span: Span | undefined;
  readonly #steps: Partial<Record<CallStep, number>> = {};

  constructor(tracer: Tracer, requestId: string | undefined, span: Span | undefined) {
    this.#tracer = tracer;
    this.requestId = requestId;
    this.#span = span;
  }

  /** Its span; undefined: it is not traced. */
  get trace(): CallTrace | undefined {
    return this.#span?.context;
  }

  /** Says that what many requests do together is done for this one. */
  link(to: CallTrace): void {
    this.#span?.link(to);
  }

  /** Does a step of it. @throws what the work throws */
  async during<T>(step: CallStep, work: () => Promise<T>): Promise<T> {
    const span = this.#tracer.start(step, this.#span?.context);
    const since = performance.now();
    let failure: unknown;
    try {
      return await (span === undefined ? work() : this.#tracer.run(span, work));
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      this.took(step, performance.now() - since);
      span?.end(failure);
    }
  }

  /** Says how long a step took. Of runs side by side the longest counts. */
  took(step: CallStep, ms: number): void {
    this.#steps[step] = Math.max(this.#steps[step] ?? 0, ms);
  }

  /** Does a part of a step that is done in parts, one after the other. */
  async adding<T>(step: CallStep, work: () => Promise<T>): Promise<T> {
    const since = performance.now();
    try {
      return await work();
    } finally {
      this.#steps[step] = (this.#steps[step] ?? 0) + performance.now() - since;
    }
  }

  /** @param since when it began, by `performance.now()` */
  report(worker: string, since: number): CallReport {
    return { worker, tookMs: performance.now() - since, steps: this.#steps };
  }
}
