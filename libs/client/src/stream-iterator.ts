/** How callers walk through a stream: with `for await`, by hand, and with a way to end it. */
import type { RecordStream } from './record-stream.ts';

/** The items of a get, query or subscription. Leaving a `for await` loop ends the request. */
export class StreamIterator<T> implements AsyncIterableIterator<T> {
  readonly #open: () => RecordStream<T>;
  #stream: RecordStream<T> | undefined;
  #isClosed = false;
  /** Calls of `next` are answered one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param open starts the stream; called when the first item is asked for, or by `start` */
  constructor(open: () => RecordStream<T>) {
    this.#open = open;
  }

  /** Makes the request now and not when the first item is asked for. */
  start(): this {
    if (!this.#isClosed) this.#stream ??= this.#open();
    return this;
  }

  /** @throws what ended the stream, once */
  next(): Promise<IteratorResult<T, undefined>> {
    const result = this.#turn.then(() => this.#take());
    this.#turn = result.catch(() => {});
    return result;
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Ends the request: a pending `next` resolves as done, and so do all later ones. */
  close(): void {
    this.#isClosed = true;
    this.#stream?.close();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #take(): Promise<IteratorResult<T, undefined>> {
    if (this.#isClosed) return { done: true, value: undefined };
    try {
      const value = await this.start().#stream?.take();
      if (value !== undefined && !this.#isEnded()) return { done: false, value };
    } catch (error) {
      if (this.#isEnded()) return { done: true, value: undefined };
      this.#isClosed = true;
      throw error;
    }
    this.#isClosed = true;
    return { done: true, value: undefined };
  }

  /** Whether it was closed while an item was awaited. */
  #isEnded(): boolean {
    return this.#isClosed;
  }
}
