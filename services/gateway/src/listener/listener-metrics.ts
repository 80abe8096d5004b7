/** The figures of listeners as metrics, for every process that has listeners. */
import type { CounterHandle, Metrics } from '@mosaic-cluster/runtime';
import type { Listener } from './listener.ts';
import type { ListenerEvent } from './listener-events.ts';
import { ReceiveBudget } from './receive-budget.ts';

/** The listeners that a gateway has, as metrics call them. */
export type ListenerName = 'mtls' | 'uws';

/** The options of a listener that make it count. */
export interface CountedOptions {
  readonly observe: (event: ListenerEvent) => void;
  readonly receiveBudget: ReceiveBudget;
}

/** What is read of a listener. */
type Watched = Pick<Listener, 'connections' | 'handshakes' | 'waiting'>;

type Reasons = Partial<Record<ListenerEvent, string>>;

const HANDSHAKE_FAILED = {
  'refused-proxy': 'proxy',
  'refused-tls': 'tls',
  'refused-certificate': 'certificate',
  'refused-request': 'request',
  'refused-late': 'timeout',
} as const satisfies Reasons;

const REFUSED = {
  'refused-rate': 'rate',
  'refused-full': 'full',
  'refused-pace': 'pace',
  'refused-stopping': 'stopping',
} as const satisfies Reasons;

const HANDSHAKE_DROPPED = {
  'dropped-address': 'address',
  'dropped-all': 'all',
  'dropped-waiting': 'waiting',
} as const satisfies Reasons;

const CLOSED = {
  left: 'client',
  closed: 'server',
  'cut-idle': 'idle',
  'cut-output': 'unread',
  'cut-too-large': 'too-large',
  'cut-control': 'control',
  'cut-receiving': 'receiving',
} as const satisfies Reasons;

type Table = readonly [name: `mosaic_${string}`, help: string, reasons: Reasons, remedy?: string];

const TABLES: readonly Table[] = [
  [
    'mosaic_listener_handshakes_failed_total',
    'Connections that did not become WebSockets, by what was wrong with them.',
    HANDSHAKE_FAILED,
    'proxy: the balancer does not speak the PROXY protocol, or is not in MOSAIC_PROXY_PROTOCOL_FROM. Others: what clients did.',
  ],
  [
    'mosaic_listener_refused_total',
    'Connections refused: too many of one address or at once, server full or stopping.',
    REFUSED,
    'full: raise MOSAIC_CONNECTIONS_MAX or add gateways. rate: see abuse control.',
  ],
  [
    'mosaic_listener_handshakes_dropped_total',
    'Unfinished handshakes cut: too many of one address, or of all, or waiting for too long.',
    HANDSHAKE_DROPPED,
    'Somebody opens connections and says nothing: see limits.md. Honest clients get in meanwhile.',
  ],
  [
    'mosaic_listener_closed_total',
    'WebSockets that ended, by who or what ended them.',
    CLOSED,
    'unread, receiving: clients that are too slow, or mean to be.',
  ],
];

/** What the listeners of one process count, and share. */
export class ListenerFigures {
  readonly #receiveBudget: ReceiveBudget;
  readonly #counters = new Map<ListenerName, Map<ListenerEvent, CounterHandle>>();
  readonly #watched = new Map<ListenerName, Watched>();

  /** @param names the listeners that will be opened, at least one */
  constructor(
    metrics: Metrics,
    names: readonly ListenerName[],
    receiveBudget: ReceiveBudget = new ReceiveBudget(),
  ) {
    this.#receiveBudget = receiveBudget;
    for (const name of names) this.#counters.set(name, new Map());
    this.#defineLevels(metrics, names);
    this.#defineTotals(metrics, names);
  }

  /** The options that a listener must be opened with to be counted here. */
  optionsFor(name: ListenerName): CountedOptions {
    const counters = this.#counters.get(name);
    return {
      receiveBudget: this.#receiveBudget,
      observe: (event) => counters?.get(event)?.increment(),
    };
  }

  /** From now on the metrics say what this listener has open. */
  watch(name: ListenerName, listener: Watched): void {
    this.#watched.set(name, listener);
  }

  #defineLevels(metrics: Metrics, names: readonly ListenerName[]): void {
    const labels = { listener: names };
    const { receiving, connections, handshakes, waiting } = metrics.define({
      receiving: {
        type: 'gauge',
        name: 'mosaic_receiving_bytes',
        help: 'Bytes that unfinished messages hold, those in uWebSockets.js not counted.',
      },
      connections: {
        type: 'gauge',
        name: 'mosaic_listener_connections',
        help: 'WebSockets open.',
        labels,
      },
      handshakes: {
        type: 'gauge',
        name: 'mosaic_listener_handshakes',
        help: 'Connections that are no WebSockets yet; NaN where uWebSockets.js does not tell.',
        labels,
      },
      waiting: {
        type: 'gauge',
        name: 'mosaic_listener_handshakes_waiting',
        help: 'Those of them that wait for their handshake to begin; NaN as above.',
        labels,
      },
    });
    receiving.readFrom(() => this.#receiveBudget.heldBytes);
    for (const listener of names) {
      connections.with({ listener }).readFrom(() => this.#watched.get(listener)?.connections ?? 0);
      handshakes
        .with({ listener })
        .readFrom(() => this.#watched.get(listener)?.handshakes ?? Number.NaN);
      waiting.with({ listener }).readFrom(() => this.#watched.get(listener)?.waiting ?? Number.NaN);
    }
  }

  #defineTotals(metrics: Metrics, names: readonly ListenerName[]): void {
    const { opened } = metrics.define({
      opened: {
        type: 'counter',
        name: 'mosaic_listener_opened_total',
        help: 'WebSockets accepted.',
        labels: { listener: names },
      },
    });
    for (const listener of names) {
      this.#counters.get(listener)?.set('opened', opened.with({ listener }));
    }
    for (const [name, help, reasons, remedy] of TABLES) {
      const labels = { listener: names, reason: Object.values(reasons) };
      const { total } = metrics.define({
        total: { type: 'counter', name, help, labels, ...(remedy && { remedy }) },
      });
      for (const listener of names) {
        for (const [event, reason] of Object.entries(reasons)) {
          const counter = total.with({ listener, reason });
          this.#counters.get(listener)?.set(event as ListenerEvent, counter);
        }
      }
    }
  }
}
