/** The requests that one connection has open, by query id, within their bounds. */
import type { QueryId } from '@mosaic-cluster/protocol';
import type { GatewayLimits } from '../limits.ts';

/** A Get, Query or Subscribe that was not closed yet. */
export interface OpenRequest {
  readonly queryId: QueryId;
  /** Bytes of the request that are kept with it. */
  readonly heldBytes: number;
  /** Ends it; nothing is written for it from then on. */
  cancel(): void;
}

/** One connection's open requests. */
export class OpenRequests {
  readonly #limits: GatewayLimits;
  readonly #requests = new Map<QueryId, OpenRequest>();
  #heldBytes = 0;

  constructor(limits: GatewayLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#requests.size;
  }

  /** Whether a request that keeps so many bytes fits. */
  hasRoomFor(bytes: number): boolean {
    const { openRequestsMax, requestBytesMax } = this.#limits;
    return this.#requests.size < openRequestsMax && this.#heldBytes + bytes <= requestBytesMax;
  }

  /** Adds a request whose query id is free. */
  add(request: OpenRequest): void {
    this.#requests.set(request.queryId, request);
    this.#heldBytes += request.heldBytes;
  }

  /** Cancels and removes the request with a query id; false where none is open. */
  end(queryId: QueryId): boolean {
    const request = this.#requests.get(queryId);
    if (request === undefined) return false;
    this.#requests.delete(queryId);
    this.#heldBytes -= request.heldBytes;
    request.cancel();
    return true;
  }

  /** The query ids of all open requests. */
  queryIds(): QueryId[] {
    return [...this.#requests.keys()];
  }
}
