/** Follows the requests of clients through the gateway: names them, traces a share, tells slow ones. */
import type { RoleName } from '@mosaic-cluster/bus';
import type { ResultCode } from '@mosaic-cluster/protocol';
import {
  createRequestIds,
  mostOf,
  noSlowLog,
  noTracer,
  type SlowLog,
  type Span,
  type Tracer,
} from '@mosaic-cluster/runtime';
import type { Clock } from '../clock.ts';
import type { StoredRequest } from '../gateway-events.ts';
import { nameOf } from '../gateway-metrics.ts';
import { RoleCall, slowestOf } from './role-call.ts';
import { StoredWatch } from './stored-watch.ts';

/** What follows requests; without it they have their names, and that is all. */
export interface Watching {
  readonly tracer: Tracer;
  readonly slow: SlowLog;
}

/** A submission as far as it is followed. */
export interface WatchedSubmission {
  /** When it came, in milliseconds since 1970. */
  readonly since: number;
  /** Undefined: it is not traced. */
  readonly span: Span | undefined;
  /** The requests to roles that it was in, oldest first: one, or two. */
  calls: readonly RoleCall[];
}

/** Follows what one gateway is asked. */
export class GatewayWatcher {
  readonly #tracer: Tracer;
  readonly #slow: SlowLog;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #newId: () => string = createRequestIds();

  constructor(
    clock: Pick<Clock, 'now'>,
    { tracer, slow }: Watching = { tracer: noTracer, slow: noSlowLog },
  ) {
    this.#clock = clock;
    this.#tracer = tracer;
    this.#slow = slow;
  }

  /** Begins the trace of a submission, where it is one of those that are traced. */
  submission(): Span | undefined {
    return this.#tracer.sample('submission', { kind: 'server' });
  }

  /**
   * Asks a role to take submissions together. The request is part of the trace of the first of them
   * that is traced; the others' have links to it.
   *
   * @throws what the asking throws
   */
  async batch<T>(
    role: RoleName,
    submissions: readonly WatchedSubmission[],
    ask: (call: RoleCall) => Promise<T>,
  ): Promise<T> {
    const call = this.#batchCall(role, submissions);
    for (const submission of submissions) {
      const { calls } = submission;
      submission.calls = calls.length === 0 ? [call] : [...calls, call];
    }
    return call.during(() => ask(call));
  }

  /** A submission has its result. */
  settled(submission: WatchedSubmission, result: ResultCode, tookMs: number): void {
    const { span, calls } = submission;
    span?.set({ 'mosaic.result': nameOf(result) });
    span?.end();
    if (!this.#slow.isSlow(tookMs)) return;
    const slowest = slowestOf(calls);
    // One line for all that went together, of the one that has waited for the longest.
    if (slowest === undefined || calls.at(-1)?.oldest !== submission) return;
    const inRoles = calls.reduce((sum, call) => sum + call.tookMs, 0);
    const queue = Math.max(0, tookMs - inRoles);
    const most = mostOf(tookMs, { ...slowest.parts, queue });
    const isOwnTrace = span !== undefined && span.context.traceId !== slowest.requestId;
    this.#slow.warn(`slow submission to ${slowest.addressee}: ${Math.round(tookMs)} ms${most}`, {
      ...slowest.fields,
      ...(isOwnTrace && { trace: span.context.traceId }),
      result: nameOf(result),
      tookMs: Math.round(tookMs),
      queueMs: Math.round(queue),
      ...(calls.length > 1 && {
        asked: calls.map(({ role, requestId }) => `${role} ${requestId}`),
      }),
    });
  }

  /** Follows a get, query or subscription. */
  stored(request: StoredRequest): StoredWatch {
    const span = this.#tracer.sample(request, { kind: 'server' });
    const requestId = span?.context.traceId ?? this.#newId();
    return new StoredWatch({
      request,
      requestId,
      span,
      tracer: this.#tracer,
      slow: this.#slow,
      clock: this.#clock,
    });
  }

  #batchCall(role: RoleName, submissions: readonly WatchedSubmission[]): RoleCall {
    const traced = submissions.flatMap(({ span }) => span ?? []);
    const [first, ...others] = traced;
    const span = this.#tracer.start(`ask ${role}`, first?.context, {
      kind: 'client',
      attributes: {
        'mosaic.role': role,
        'mosaic.request': 'submit',
        'mosaic.count': submissions.length,
      },
      links: others.map(({ context }) => context),
    });
    if (span !== undefined) for (const other of others) other.link(span.context);
    const requestId = span?.context.traceId ?? this.#newId();
    const oldest = oldestOf(submissions);
    return new RoleCall({ role, requestId, span, clock: this.#clock, oldest });
  }
}

function oldestOf(submissions: readonly WatchedSubmission[]): WatchedSubmission | undefined {
  let oldest = submissions[0];
  for (const each of submissions) if (each.since < oldest!.since) oldest = each;
  return oldest;
}
