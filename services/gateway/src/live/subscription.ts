/** What the hub knows of a connection that subscribes, and of each of its subscriptions. */
import type { Visitor } from '@mosaic-cluster/abuse';
import {
  compileFilter,
  type FilterMatcher,
  type FilterView,
  type PublicKey,
  type QueryId,
  type ResultCode,
} from '@mosaic-cluster/protocol';
import type { ShedReason } from '../counters.ts';
import type { InterestKey } from './interest-choice.ts';
import type { Filed } from './interest-index.ts';
import { textOf } from '../key-text.ts';
import type { ClientSocket } from '../listener/listener.ts';
import type { Seam } from './seam.ts';

/** Who pays for what is looked for on behalf of subscriptions, and shares what there is with others. */
export type PayingVisitor = Pick<Visitor, 'sharesAs' | 'owesForQueries' | 'queried'>;

/** A connection with subscriptions. */
export class Subscriber {
  readonly socket: ClientSocket;
  /** The key that the connection proved; undefined: anonymous. */
  readonly key: PublicKey | undefined;
  /** Who pays. */
  readonly visitor: PayingVisitor;
  readonly subscriptions: Set<Subscription> = new Set();
  /**
   * The keys that the connection may read as, as text; undefined while that is being found out.
   * Nobody reads as anything on an anonymous connection.
   */
  identities: ReadonlySet<string> | undefined;
  /** What live records that were sent cost and is not paid yet, in index entries. */
  owed = 0;
  /** Live records on their way out with the present batch: subscriptions and their messages. */
  readonly targets: Subscription[] = [];
  readonly messages: Uint8Array[] = [];
  /** The key as text; nobody's schedule takes from a key that it is itself. */
  readonly #own: string | undefined;

  constructor(socket: ClientSocket, visitor: PayingVisitor) {
    const key = socket.clientKey;
    this.socket = socket;
    this.key = key;
    this.visitor = visitor;
    this.#own = key && textOf(key);
    this.identities = key === undefined ? new Set() : undefined;
  }

  /** Whether one of these keys may read here; undefined where that is not known yet. */
  readsAs(readers: readonly PublicKey[]): boolean | undefined {
    const { identities } = this;
    if (this.#own === undefined) return false;
    for (const reader of readers) {
      const text = textOf(reader);
      if (text === this.#own || identities?.has(text) === true) return true;
    }
    return identities === undefined ? undefined : false;
  }
}

/** What a subscription starts with. */
export interface SubscriptionOptions {
  readonly serial: number;
  readonly subscriber: Subscriber;
  readonly queryId: QueryId;
  /** Its bytes are kept. */
  readonly filter: FilterView;
  /** Where it is filed: the filter's `interestKeys`. */
  readonly keys: readonly InterestKey[];
  readonly seam: Seam;
  /** Unix time in milliseconds. */
  readonly openedAt: number;
  /** As whom it was counted in the hub's bound. */
  readonly sharesAs: string;
  /** Told when the hub cannot go on with it; the reason where it was shed. */
  readonly lost: (result: ResultCode, reason?: ShedReason) => void;
}

/** One open subscription. */
export class Subscription implements Filed {
  lookUp = 0;
  /**
   * The moment when it was opened, which tells subscriptions apart without keeping them in memory.
   */
  readonly serial: number;
  readonly subscriber: Subscriber;
  readonly queryId: QueryId;
  readonly matcher: FilterMatcher;
  readonly keys: readonly InterestKey[];
  readonly seam: Seam;
  readonly sharesAs: string;
  readonly lost: (result: ResultCode, reason?: ShedReason) => void;
  /** Unix time in milliseconds. */
  readonly openedAt: number;
  /** The ID of the last stored record, where its limit kept back older ones. */
  storedDownTo: Uint8Array | undefined;
  /** Whether everything stored was sent. */
  isStoredSent = false;
  /** Whether live records go straight out; until then they are held. */
  isLive = false;
  isClosed = false;

  constructor(options: SubscriptionOptions) {
    this.serial = options.serial;
    this.subscriber = options.subscriber;
    this.queryId = options.queryId;
    this.matcher = compileFilter(options.filter);
    this.keys = options.keys;
    this.seam = options.seam;
    this.sharesAs = options.sharesAs;
    this.lost = options.lost;
    this.openedAt = options.openedAt;
  }
}
