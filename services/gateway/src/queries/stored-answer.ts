/** Carries a query stream's records to its connection as Record messages. */
import type { ServedRecord } from '@mosaic-cluster/bus';
import type { QueryId } from '@mosaic-cluster/protocol';
import type { Clock } from '../clock.ts';
import type { GatewayCounters } from '../counters.ts';
import type { ClientSocket } from '../listener/listener.ts';
import type { MessageWriter } from '../message-writer.ts';
import type { StreamSink } from './query-stream.ts';

/** What an answer needs. */
export interface StoredAnswerOptions {
  readonly socket: ClientSocket;
  readonly writer: MessageWriter;
  readonly counters: GatewayCounters;
  readonly queryId: QueryId;
  readonly pauseBytes: number;
  readonly clock: Clock;
  /** Told of each record before it is sent; false: it is not sent, nor anything after it. */
  readonly sending?: (served: ServedRecord) => boolean;
  /**
   * Everything was written; what closes the answer may be written with it.
   *
   * @param last the last record; undefined where there was none at the end
   * @param tookMs since it began, but for the time in which its client did not read
   */
  readonly ended: (recordCount: number, last: ServedRecord | undefined, tookMs: number) => void;
  readonly failed: (error: unknown) => void;
}

/** The stored records of one Get, Query or Subscribe. */
export class StoredAnswer implements StreamSink {
  readonly #options: StoredAnswerOptions;
  #recordCount = 0;
  /** When it began; later by as long as its client let it wait. */
  #since: number | undefined;
  #cloggedSince: number | undefined;

  constructor(options: StoredAnswerOptions) {
    this.#options = options;
  }

  isClogged(): boolean {
    const { socket, pauseBytes, clock } = this.#options;
    const isClogged = socket.bufferedBytes >= pauseBytes;
    this.#since ??= clock.now();
    if (isClogged) this.#cloggedSince ??= clock.now();
    else if (this.#cloggedSince !== undefined) {
      this.#since += clock.now() - this.#cloggedSince;
      this.#cloggedSince = undefined;
    }
    return isClogged;
  }

  write(records: readonly ServedRecord[], ended: boolean): void {
    const { socket, writer, counters, queryId, sending, clock } = this.#options;
    socket.cork(() => {
      for (const served of records) {
        if (sending?.(served) === false) return;
        writer.record(socket, queryId, served.record.bytes);
        this.#recordCount += 1;
        counters.recordsStored += 1;
      }
      if (!ended) return;
      const now = clock.now();
      this.#options.ended(this.#recordCount, records.at(-1), now - (this.#since ?? now));
    });
  }

  failed(error: unknown): void {
    this.#options.failed(error);
  }
}
