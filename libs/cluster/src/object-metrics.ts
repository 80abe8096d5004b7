/** What a process asks of the object store and how that goes, as metrics and in traces. */
import { isMosaicError } from '@mosaic-cluster/protocol';
import {
  LATENCY_BUCKETS,
  type Metrics,
  type SpanStart,
  traced,
  type Tracer,
} from '@mosaic-cluster/runtime';
import type { ObjectStore } from '@mosaic-cluster/store';

const OPERATIONS = ['put', 'get', 'head', 'list', 'delete'] as const;

const CLIENT: SpanStart = { kind: 'client' };

type Operation = (typeof OPERATIONS)[number];

/** Defines the metrics of a process's object store, and gives one that is measured and traced. */
export function measureObjects(metrics: Metrics, tracer: Tracer, store: ObjectStore): ObjectStore {
  const labels = { operation: OPERATIONS } as const;
  const { seconds, failures, written, read } = metrics.define({
    seconds: {
      type: 'histogram',
      name: 'mosaic_object_store_request_duration_seconds',
      help: 'Requests to the object store, with their repetitions, by operation.',
      remedy:
        'A slow put makes every submission slow: look at the store, its network, and its rate limits per prefix.',
      labels,
      buckets: LATENCY_BUCKETS,
    },
    failures: {
      type: 'counter',
      name: 'mosaic_object_store_failures_total',
      help: 'Requests to the object store that failed after all attempts; that something is not there, or there already, is an answer.',
      remedy: 'The log names what the store said. Submissions are refused meanwhile, none is lost.',
      labels,
    },
    written: {
      type: 'counter',
      name: 'mosaic_object_store_written_bytes_total',
      help: 'Bytes of objects put.',
    },
    read: {
      type: 'counter',
      name: 'mosaic_object_store_read_bytes_total',
      help: 'Bytes of objects got.',
      remedy: 'Much for few queries: the cache is small, raise MOSAIC_CACHE_BYTES.',
    },
  });
  const measured = async <T>(operation: Operation, ask: () => Promise<T>): Promise<T> => {
    const since = performance.now();
    try {
      return await traced(tracer, `object store ${operation}`, CLIENT, ask);
    } catch (error) {
      if (isFailure(error)) failures.with({ operation }).increment();
      throw error;
    } finally {
      seconds.with({ operation }).observe((performance.now() - since) / 1000);
    }
  };
  return {
    name: store.name,
    put: async (key, bytes, options) => {
      await measured('put', () => store.put(key, bytes, options));
      written.increment(bytes.length);
    },
    get: async (key, range, options) => {
      const bytes = await measured('get', () => store.get(key, range, options));
      read.increment(bytes.length);
      return bytes;
    },
    head: (key, options) => measured('head', () => store.head(key, options)),
    list: (listing, options) => measured('list', () => store.list(listing, options)),
    delete: (keys, options) => measured('delete', () => store.delete(keys, options)),
    selfTest: () => store.selfTest(),
    close: () => store.close(),
  };
}

function isFailure(error: unknown): boolean {
  return !isMosaicError(error) || (error.kind !== 'not-found' && error.kind !== 'conflict');
}
