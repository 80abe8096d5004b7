/**
 * Knows the span that the present work belongs to. In Node 20 that makes every promise of the process
 * dearer, by a quarter of what a small query costs; so it is done only as long as there are such spans.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { TraceContext } from './tracer.ts';

/** The present span. */
export class PresentSpan {
  readonly #storage = new AsyncLocalStorage<TraceContext | undefined>();
  /** Spans that work was done for, and that have not ended. */
  readonly #open = new Set<TraceContext>();

  /** Undefined: no trace is about the present work. */
  get current(): TraceContext | undefined {
    return this.#open.size === 0 ? undefined : this.#storage.getStore();
  }

  /** Does work that belongs to a span, however it waits; or to none. */
  run<T>(span: TraceContext | undefined, work: () => T): T {
    if (span === this.current) return work();
    if (span !== undefined) this.#open.add(span);
    return this.#storage.run(span, work);
  }

  /** A span has ended: with the last one, everything does that knowing of them costs. */
  ended(span: TraceContext): void {
    if (this.#open.delete(span) && this.#open.size === 0) this.#storage.disable();
  }
}
