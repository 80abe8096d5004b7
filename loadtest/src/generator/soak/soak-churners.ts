/**
 * Subscribers that change their mind: each ends its subscription now and then and opens another.
 * What they get must match what they asked for at that moment, each record once.
 */
import {
  buildFilter,
  encodeMessage,
  MESSAGE,
  RECORD_AT,
  readU16,
  RESULT,
} from '@mosaic-cluster/protocol';
import { LoadError } from '../../load-error.ts';
import { AUTHORS, type RecordPlan } from '../../records/record-plan.ts';
import { idNumberAt } from '../../records/submission-frames.ts';
import { checkLength, describeResult, RECORD_OFFSET, unexpected } from '../answer.ts';
import type { Pool } from '../pool.ts';
import { AUTHOR_GROUPS, groupFilter } from './soak-audience.ts';
import type { SoakFigures } from './soak-figures.ts';

type ChurnerState = 'opening' | 'live' | 'closing';

interface Churner {
  readonly connection: number;
  state: ChurnerState;
  group: number;
  queryId: number;
  /** Records of this subscription. */
  readonly seen: Set<number>;
}

/** Subscriptions that come and go at the pace of whoever calls {@link churn}. */
export class SoakChurners {
  readonly #pool: Pool;
  readonly #plan: RecordPlan;
  readonly #figures: SoakFigures;
  readonly #churners: readonly Churner[];
  /** The authors' numbers by the first bytes of their keys. */
  readonly #authors = new Map<number, number>();
  #turn = 0;
  #done: () => void = () => {};

  constructor(pool: Pool, plan: RecordPlan, figures: SoakFigures) {
    this.#pool = pool;
    this.#plan = plan;
    this.#figures = figures;
    this.#churners = pool.connections.map((_, connection): Churner => {
      return { connection, state: 'opening', group: connection, queryId: 0, seen: new Set() };
    });
    for (let author = 0; author < AUTHORS; author++) {
      this.#authors.set(Buffer.from(plan.publicKeyOf(author)).readUIntBE(0, 6), author);
    }
  }

  get isIdle(): boolean {
    return this.#churners.every(({ state }) => state === 'live');
  }

  /** Subscribes, and judges until {@link stop}. @throws LoadError at the first wrong message */
  run(): Promise<void> {
    return this.#pool.run<void>(
      {
        message: (_connection, index, bytes, at, length) => {
          this.#message(this.#churners[index]!, bytes, at, length);
        },
      },
      (done) => {
        this.#done = done;
        for (const churner of this.#churners) this.#open(churner);
      },
    );
  }

  stop(): void {
    this.#done();
  }

  /** The next subscriber changes its mind. */
  churn(): void {
    this.#turn += 1;
    const churner = this.#churners[this.#turn % this.#churners.length]!;
    if (churner.state !== 'live') return;
    churner.state = 'closing';
    const { queryId } = churner;
    this.#send(churner, encodeMessage({ name: 'unsubscribe', queryId }));
  }

  #open(churner: Churner): void {
    churner.state = 'opening';
    churner.group = (churner.group + 7) % AUTHOR_GROUPS;
    churner.queryId = (churner.queryId + 1) & 0xffff;
    churner.seen.clear();
    const filter = buildFilter(groupFilter(this.#plan, churner.group));
    const { queryId } = churner;
    this.#send(churner, encodeMessage({ name: 'subscribe', queryId, limit: 1, filter }));
  }

  #send({ connection }: Churner, message: Uint8Array): void {
    this.#pool.connections[connection]!.send(message);
  }

  #message(churner: Churner, bytes: Buffer, at: number, length: number): void {
    checkLength(bytes, at, length);
    if (readU16(bytes, at + 4) !== churner.queryId) {
      throw new LoadError('a message for a subscription that has ended');
    }
    const type = bytes[at];
    if (type === MESSAGE.record) {
      this.#record(churner, bytes, at + RECORD_OFFSET);
    } else if (type === MESSAGE.locallyComplete && churner.state === 'opening') {
      churner.state = 'live';
    } else if (type === MESSAGE.queryClosed) {
      const result = bytes[at + 6]!;
      if (churner.state !== 'closing' || result !== RESULT.SUCCESS) {
        throw new LoadError(`a subscription was closed with ${describeResult(result)}`);
      }
      this.#figures.count('resubscriptions');
      this.#open(churner);
    } else {
      throw unexpected(bytes, at, length);
    }
  }

  #record({ group, seen }: Churner, bytes: Buffer, at: number): void {
    const author = this.#authors.get(bytes.readUIntBE(at + RECORD_AT.author, 6));
    if (author === undefined || author % AUTHOR_GROUPS !== group) {
      throw new LoadError('a record reached a subscriber who did not ask for it');
    }
    const number = idNumberAt(bytes, at);
    if (seen.has(number)) throw new LoadError('a record was delivered twice');
    seen.add(number);
  }
}
