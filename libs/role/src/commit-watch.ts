/**
 * Follows a group commit for all the requests whose records it writes: it is a span in the trace of
 * the first of them that is traced, and the others' spans have links to it.
 */
import type { CallStep } from '@mosaic-cluster/bus';
import type { Span, Tracer } from '@mosaic-cluster/runtime';
import type { RequestWatch } from './request-watch.ts';

/** One group commit under way. */
export class CommitWatch {
  readonly #tracer: Tracer;
  readonly #watches: readonly RequestWatch[];
  readonly #span: Span | undefined;

  /**
   * @param watches of the requests, where they have one
   * @param records how many it writes
   */
  constructor(tracer: Tracer, watches: readonly (RequestWatch | undefined)[], records: number) {
    this.#tracer = tracer;
    this.#watches = watches.filter((watch) => watch !== undefined);
    const traced = this.#watches.filter(({ trace }) => trace !== undefined);
    const [first, ...others] = traced;
    this.#span = tracer.start('commit', first?.trace, {
      attributes: { 'mosaic.count': records },
      links: others.map(({ trace }) => trace!),
    });
    if (this.#span === undefined) return;
    for (const other of others) other.link(this.#span.context);
  }

  /**
   * Does a step of it. What the work of others left as the present span does not count: a commit
   * is begun by whichever request comes first.
   */
  async during<T>(step: CallStep, work: () => Promise<T>): Promise<T> {
    const span = this.#tracer.start(step, this.#span?.context);
    const since = performance.now();
    let failure: unknown;
    try {
      return await this.#tracer.run(span, work);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      span?.end(failure);
      const ms = performance.now() - since;
      for (const watch of this.#watches) watch.took(step, ms);
    }
  }

  /** It is over, be it that it failed. */
  end(error?: unknown): void {
    this.#span?.end(error);
  }
}
