/**
 * Follows a get, query or subscription until its stored records are written. A client that reads
 * slowly makes that long, so that only the time in which roles were waited for counts as slow.
 */
import type { RoleName } from '@mosaic-cluster/bus';
import { mostOf, type SlowLog, type Span, type Tracer } from '@mosaic-cluster/runtime';
import type { Clock } from '../clock.ts';
import type { StoredRequest } from '../gateway-events.ts';
import { RoleCall, slowestOf } from './role-call.ts';

/** What a watch is made of. */
export interface StoredWatchOptions {
  readonly request: StoredRequest;
  readonly requestId: string;
  readonly span: Span | undefined;
  readonly tracer: Tracer;
  readonly slow: SlowLog;
  readonly clock: Pick<Clock, 'now'>;
}

/** A request for stored records. */
export class StoredWatch {
  readonly requestId: string;
  readonly #options: StoredWatchOptions;
  readonly #since: number;
  /** Requests to roles under way, and since when there are any. */
  readonly #open = new Set<RoleCall>();
  #openSince = 0;
  #waitedMs = 0;
  #calls = 0;
  #slowest: RoleCall | undefined;
  #isOver = false;

  constructor(options: StoredWatchOptions) {
    this.requestId = options.requestId;
    this.#options = options;
    this.#since = options.clock.now();
  }

  /** Of its trace; undefined: it is not traced. */
  get traceId(): string | undefined {
    return this.#options.span?.context.traceId;
  }

  /** Asks a role for it. @throws what that throws */
  async during<T>(role: RoleName, ask: (call: RoleCall) => Promise<T>): Promise<T> {
    const { requestId } = this;
    const { request, tracer, span: parent, clock } = this.#options;
    const span = tracer.start(`ask ${role}`, parent?.context, {
      kind: 'client',
      attributes: { 'mosaic.role': role, 'mosaic.request': request },
    });
    const call = new RoleCall({ role, requestId, span, clock });
    if (this.#open.size === 0) this.#openSince = clock.now();
    this.#open.add(call);
    this.#calls += 1;
    try {
      return await call.during(() => ask(call));
    } finally {
      this.#open.delete(call);
      if (this.#open.size === 0) this.#waitedMs += clock.now() - this.#openSince;
      if (call.tookMs > (this.#slowest?.tookMs ?? -1)) this.#slowest = call;
    }
  }

  /** Everything was written, it failed, or it was given up. Only the first call counts. */
  end(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { span, slow, request, clock } = this.#options;
    span?.set({ 'mosaic.pages': this.#calls });
    span?.end(error);
    const underWay = this.#open.size === 0 ? 0 : clock.now() - this.#openSince;
    const waitedMs = this.#waitedMs + underWay;
    if (!slow.isSlow(waitedMs)) return;
    const slowest = slowestOf([...this.#open, ...(this.#slowest ? [this.#slowest] : [])]);
    const to = slowest === undefined ? '' : ` of ${slowest.addressee}`;
    const most = slowest === undefined ? '' : mostOf(waitedMs, slowest.parts);
    slow.warn(`slow ${request}${to}: ${Math.round(waitedMs)} ms${most}`, {
      request: this.requestId,
      ...slowest?.fields,
      tookMs: Math.round(clock.now() - this.#since),
      waitedMs: Math.round(waitedMs),
      pages: this.#calls,
    });
  }
}
