/** Opening and ending subscriptions, one a connection, all with the same query id. */
import {
  buildFilter,
  encodeMessage,
  type FilterElementInput,
  MESSAGE,
  readU16,
  RESULT,
} from '@mosaic-cluster/protocol';
import { LoadError } from '../load-error.ts';
import { checkLength, describeResult, unexpected } from './answer.ts';
import type { Pool } from './pool.ts';

/** The query id of every subscription. */
export const SUBSCRIPTION_ID = 7;

/**
 * Subscribes on every connection of a pool and waits until all are live.
 *
 * @param filterOf the filter of a connection
 * @throws LoadError where one is refused
 */
export function subscribe(
  pool: Pool,
  filterOf: (connection: number) => readonly FilterElementInput[],
): Promise<void> {
  let waiting = pool.connections.length;
  let finish: () => void = () => {};
  return pool.run<void>(
    {
      message: (_connection, _index, bytes, at, length) => {
        checkLength(bytes, at, length);
        if (bytes[at] === MESSAGE.queryClosed) {
          const why = describeResult(bytes[at + 6]!);
          throw new LoadError(`a subscription was closed with ${why}`);
        }
        // One stored record may come first: a limit of 0 would mean all of them.
        if (bytes[at] === MESSAGE.record) return;
        if (bytes[at] !== MESSAGE.locallyComplete) throw unexpected(bytes, at, length);
        waiting -= 1;
        if (waiting === 0) finish();
      },
    },
    (done) => {
      finish = done;
      for (const [i, connection] of pool.connections.entries()) {
        const filter = buildFilter(filterOf(i));
        const name = 'subscribe';
        connection.send(encodeMessage({ name, queryId: SUBSCRIPTION_ID, limit: 1, filter }));
      }
    },
  );
}

/** Ends the subscription of every connection. @throws LoadError where one was not open */
export function unsubscribe(pool: Pool): Promise<void> {
  return exchange(
    pool,
    encodeMessage({ name: 'unsubscribe', queryId: SUBSCRIPTION_ID }),
    RESULT.SUCCESS,
  );
}

/** Asks for a record that does not exist, on every connection: shows that all of them work. */
export function ping(pool: Pool): Promise<void> {
  const references = [new Uint8Array(48)];
  return exchange(
    pool,
    encodeMessage({ name: 'get', queryId: SUBSCRIPTION_ID + 1, references }),
    RESULT.NOT_FOUND,
  );
}

/** Sends a request on every connection and waits for each to be closed with `result`. */
function exchange(pool: Pool, request: Uint8Array, result: number): Promise<void> {
  const queryId = readU16(request, 4);
  let waiting = pool.connections.length;
  let finish: () => void = () => {};
  return pool.run<void>(
    {
      message: (_connection, _index, bytes, at, length) => {
        checkLength(bytes, at, length);
        const isAnswer = bytes[at] === MESSAGE.queryClosed && readU16(bytes, at + 4) === queryId;
        if (!isAnswer) throw unexpected(bytes, at, length);
        if (bytes[at + 6] !== result) {
          throw new LoadError(`a request was closed with ${describeResult(bytes[at + 6]!)}`);
        }
        waiting -= 1;
        if (waiting === 0) finish();
      },
    },
    (done) => {
      finish = done;
      for (const connection of pool.connections) connection.send(request);
    },
  );
}
