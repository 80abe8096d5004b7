/**
 * The subscribers that stay: who must hear of which record, and that each does, once and unaltered.
 * Authors are shared out in groups; a group has several subscribers. Two more listen to the kinds
 * that replace and that are not stored.
 */
import {
  type FilterElementInput,
  MESSAGE,
  type PublicKey,
  readU16,
} from '@mosaic-cluster/protocol';
import { LoadError } from '../../load-error.ts';
import { AUTHORS, RECORD_KIND, type RecordPlan } from '../../records/record-plan.ts';
import { idNumberAt } from '../../records/submission-frames.ts';
import { checkLength, describeResult, RECORD_OFFSET, unexpected } from '../answer.ts';
import type { Pool } from '../pool.ts';
import { subscribe, SUBSCRIPTION_ID } from '../subscribe.ts';
import type { SoakFigures } from './soak-figures.ts';
import { HEARD_KIND, REPLACEABLE_KIND, type SoakRecord } from './soak-records.ts';

/** Groups that the authors are shared out to. */
export const AUTHOR_GROUPS = 40;
/** Subscribers that listen to a kind instead of a group. */
const KIND_LISTENERS = [REPLACEABLE_KIND, HEARD_KIND] as const;
/** Time after which a record that has not arrived has been lost. */
const DELIVERY_MAX_MS = 30_000;

interface Awaited {
  readonly record: SoakRecord;
  readonly sentAt: number;
  /** Subscribers that have not got it. */
  readonly missing: Set<number>;
}

/** What a subscriber to an author group asks for. */
export function groupFilter(plan: RecordPlan, group: number): FilterElementInput[] {
  const keys: PublicKey[] = [];
  for (let author = group; author < AUTHORS; author += AUTHOR_GROUPS) {
    keys.push(plan.publicKeyOf(author));
  }
  return [
    { name: 'kinds', kinds: [RECORD_KIND] },
    { name: 'authors', keys },
  ];
}

/** The subscribers that stay. */
export class SoakAudience {
  readonly #deliveryMaxMs: number;
  readonly #pool: Pool;
  readonly #plan: RecordPlan;
  readonly #figures: SoakFigures;
  /** In the order of submission. */
  readonly #awaited = new Map<number, Awaited>();
  #done: () => void = () => {};

  constructor(
    pool: Pool,
    plan: RecordPlan,
    figures: SoakFigures,
    deliveryMaxMs: number = DELIVERY_MAX_MS,
  ) {
    this.#deliveryMaxMs = deliveryMaxMs;
    this.#pool = pool;
    this.#plan = plan;
    this.#figures = figures;
  }

  get isIdle(): boolean {
    return this.#awaited.size === 0;
  }

  /** Opens the subscriptions. */
  async subscribe(): Promise<void> {
    await subscribe(this.#pool, (subscriber) => {
      const kind = KIND_LISTENERS[subscriber];
      if (kind !== undefined) return [{ name: 'kinds', kinds: [kind] }];
      return groupFilter(this.#plan, (subscriber - KIND_LISTENERS.length) % AUTHOR_GROUPS);
    });
  }

  /** Judges deliveries until {@link stop}. @throws LoadError at the first that is wrong */
  run(): Promise<void> {
    return this.#pool.run<void>(
      {
        message: (_connection, index, bytes, at, length) =>
          this.#delivered(index, bytes, at, length),
      },
      (done) => {
        this.#done = done;
      },
    );
  }

  stop(): void {
    this.#done();
  }

  /** A record is about to be submitted. */
  expect(record: SoakRecord): void {
    const missing = new Set(this.#listenersOf(record));
    if (missing.size === 0) return;
    const sentAt = performance.now();
    this.#awaited.set(idNumberAt(record.bytes, 0), { record, sentAt, missing });
  }

  /** @throws LoadError where a record should have arrived long ago */
  check(): void {
    const [oldest] = this.#awaited.values();
    if (oldest === undefined || performance.now() - oldest.sentAt < this.#deliveryMaxMs) return;
    const seconds = this.#deliveryMaxMs / 1000;
    const text = `a ${oldest.record.class} record did not reach ${oldest.missing.size} subscribers`;
    throw new LoadError(`${text} within ${seconds} s`);
  }

  *#listenersOf({ class: recordClass, author }: SoakRecord): Generator<number> {
    if (recordClass === 'replacing') yield 0;
    if (recordClass === 'heard') yield 1;
    if (recordClass !== 'kept') return;
    const subscribers = this.#pool.connections.length;
    const first = KIND_LISTENERS.length + (author % AUTHOR_GROUPS);
    for (let each = first; each < subscribers; each += AUTHOR_GROUPS) yield each;
  }

  #delivered(subscriber: number, bytes: Buffer, at: number, length: number): void {
    checkLength(bytes, at, length);
    if (bytes[at] === MESSAGE.queryClosed) {
      throw new LoadError(`a subscription was closed with ${describeResult(bytes[at + 6]!)}`);
    }
    if (bytes[at] !== MESSAGE.record) throw unexpected(bytes, at, length);
    if (readU16(bytes, at + 4) !== SUBSCRIPTION_ID) throw new LoadError('a wrong query id');
    const start = at + RECORD_OFFSET;
    const number = idNumberAt(bytes, start);
    const awaited = this.#awaited.get(number);
    if (awaited === undefined || !awaited.missing.delete(subscriber)) {
      throw new LoadError('a record was delivered twice, or to somebody who did not ask for it');
    }
    if (awaited.record.bytes.compare(bytes, start, at + length) !== 0) {
      throw new LoadError('a delivered record is not the one that was submitted');
    }
    this.#figures.record('delivery', awaited.sentAt);
    if (awaited.missing.size === 0) this.#awaited.delete(number);
  }
}
