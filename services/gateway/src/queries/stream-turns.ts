/**
 * Takes turns among one connection's stored queries. Each running one may hold a page of every
 * role, so how many run decides how much memory one client can hold; the others hold their
 * request only.
 */
import type { QueryStream } from './query-stream.ts';

/** The stored queries of one connection. */
export class StreamTurns {
  readonly #runningMax: number;
  readonly #running = new Set<QueryStream>();
  readonly #waiting = new Set<QueryStream>();

  constructor(runningMax: number) {
    this.#runningMax = runningMax;
  }

  /** Starts a stream as soon as there is room. */
  enter(stream: QueryStream): void {
    if (this.#running.size >= this.#runningMax) {
      this.#waiting.add(stream);
      return;
    }
    this.#running.add(stream);
    stream.resume();
  }

  /** Makes room for the next, once the roles are done with what this stream, now over, asked. */
  leave(stream: QueryStream): void {
    this.#waiting.delete(stream);
    if (this.#running.has(stream)) stream.whenIdle(() => this.#free(stream));
  }

  #free(stream: QueryStream): void {
    if (!this.#running.delete(stream)) return;
    for (const next of this.#waiting) {
      this.#waiting.delete(next);
      this.enter(next);
      return;
    }
  }

  /** Lets paused streams go on: the client has read. */
  resume(): void {
    // A copy: one that ends makes room for another, which starts by itself.
    for (const stream of Array.from(this.#running)) stream.resume();
  }
}
