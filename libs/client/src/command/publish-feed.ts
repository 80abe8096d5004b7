/**
 * The records of one `mosaic publish`, from all its inputs in order, until it is told to stop.
 */
import { isMosaicError, type MosaicError } from '@mosaic-cluster/protocol';
import type { ByteSource } from './host-streams.ts';
import type { Pending } from './publish-tally.ts';
import { type FoundRecord, readRecords } from './record-source.ts';

/** Where records come from: one that is there already, or a stream of them. */
export type PublishInput = FoundRecord | ByteSource;

/** A source for `publishMany` that remembers where each record came from. */
export class PublishFeed implements AsyncIterable<Uint8Array> {
  readonly #inputs: readonly PublishInput[];
  readonly #onUnreadable: (error: MosaicError) => Promise<void>;
  readonly #pending = new Map<number, Pending>();
  #current: ByteSource | undefined;
  #isStopped = false;
  #next = 0;

  /** @param onUnreadable told of lines that are no records; throws to end it there */
  constructor(
    inputs: readonly PublishInput[],
    onUnreadable: (error: MosaicError) => Promise<void>,
  ) {
    this.#inputs = inputs;
    this.#onUnreadable = onUnreadable;
  }

  /** Records handed out whose outcome was not taken: no more than are in flight. */
  get pendingCount(): number {
    return this.#pending.size;
  }

  /** Ends it after what was handed out. */
  stop(): void {
    this.#isStopped = true;
    this.#current?.close();
  }

  /** Takes the record at a position of the source away from those pending. */
  settle(index: number): Pending | undefined {
    const pending = this.#pending.get(index);
    this.#pending.delete(index);
    return pending;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (const input of this.#inputs) {
        for await (const found of this.#recordsOf(input)) {
          if (this.#isStopped) return;
          if (found.fault !== undefined) {
            await this.#onUnreadable(found.fault);
            continue;
          }
          const { bytes, where } = found;
          const pending = { where, id: bytes.subarray(0, 48), length: bytes.length };
          this.#pending.set(this.#next, pending);
          this.#next += 1;
          yield bytes;
        }
      }
    } catch (error) {
      // An input that was closed in the middle of a record complains of that.
      if (!this.#isStopped || !isMosaicError(error)) throw error;
    } finally {
      this.#current?.close();
    }
  }

  async *#recordsOf(input: PublishInput): AsyncGenerator<FoundRecord, void, undefined> {
    if ('where' in input) {
      yield input;
      return;
    }
    this.#current = input;
    yield* readRecords(input);
  }
}
