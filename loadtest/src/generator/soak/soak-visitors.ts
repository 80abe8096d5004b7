/** Connections that come and go during a soak: short visits, and now and then a slow reader. */
import { buildFilter, encodeMessage, MESSAGE, readU16, RESULT } from '@mosaic-cluster/protocol';
import { LoadError } from '../../load-error.ts';
import { RECORD_KIND, type RecordPlan } from '../../records/record-plan.ts';
import type { StoreIds } from '../../records/store-ids.ts';
import { checkLength, describeResult, unexpected } from '../answer.ts';
import { AnswerCheck } from '../ask.ts';
import { Pool } from '../pool.ts';
import type { ServerAddress } from '../server-address.ts';
import { ping } from '../subscribe.ts';
import type { SoakFigures } from './soak-figures.ts';

/** Connections of a visit. */
const VISITORS = 3;
const LIVE_ID = 1;
const STORED_ID = 2;

/** What visitors need. */
export interface VisitOptions {
  readonly address: ServerAddress;
  readonly plan: RecordPlan;
  readonly store: StoreIds;
  readonly figures: SoakFigures;
}

/** Connects, asks one thing, and goes. @throws LoadError where the answer is wrong */
export async function visit({ address, figures }: VisitOptions): Promise<void> {
  const startedAt = performance.now();
  const pool = await Pool.open(address, VISITORS);
  try {
    await ping(pool);
    figures.record('visit', startedAt);
  } finally {
    await pool.close();
  }
}

/**
 * Subscribes to everything, asks for the whole store, and reads nothing for a while. Then it reads
 * all of it: the stored records must be complete and in order. The subscription may have been given
 * up meanwhile, which is what a server does with a slow reader.
 *
 * @throws LoadError where the server does anything else
 */
export async function readSlowly(options: VisitOptions, pauseMs: number): Promise<void> {
  const { address, figures } = options;
  const pool = await Pool.open(address, 1);
  try {
    const reader = new SlowReader(pool, options);
    await reader.read(pauseMs);
    figures.count('slowReads');
    if (reader.isShed) figures.count('shedSubscriptions');
  } finally {
    await pool.close();
  }
}

class SlowReader {
  isShed = false;
  readonly #pool: Pool;
  readonly #options: VisitOptions;
  readonly #check: AnswerCheck;

  constructor(pool: Pool, options: VisitOptions) {
    this.#pool = pool;
    this.#options = options;
    this.#check = new AnswerCheck(options.store);
  }

  /** Resolves when the whole store was read. */
  read(pauseMs: number): Promise<void> {
    const [connection] = this.#pool.connections;
    let finish: () => void = () => {};
    let timer: NodeJS.Timeout | undefined;
    const reading = this.#pool.run<void>(
      {
        message: (_connection, _index, bytes, at, length) => {
          if (readU16(bytes, at + 4) === STORED_ID) {
            if (this.#check.take(bytes, at, length)) finish();
          } else if (bytes[at] === MESSAGE.locallyComplete) {
            this.#askForStore();
            connection!.pause();
            timer = setTimeout(() => connection!.resume(), pauseMs);
          } else {
            this.#live(bytes, at, length);
          }
        },
      },
      (done) => {
        finish = done;
        const filter = buildFilter([{ name: 'kinds', kinds: [RECORD_KIND] }]);
        const name = 'subscribe';
        this.#send(encodeMessage({ name, queryId: LIVE_ID, limit: 1, filter }));
      },
    );
    return reading.finally(() => clearTimeout(timer));
  }

  #askForStore(): void {
    const { plan, store } = this.#options;
    const last = store.first + store.count - 1;
    const until = plan.timestampOf(last);
    const message = encodeMessage({
      name: 'query',
      queryId: STORED_ID,
      limit: 0,
      filter: buildFilter([
        { name: 'kinds', kinds: [RECORD_KIND] },
        { name: 'until', timestamp: until },
      ]),
    });
    const expected = Array.from({ length: store.count }, (_, i) => last - i);
    const question = { message, expected, limit: Infinity, isExact: false, matches: () => true };
    this.#check.expect(question, STORED_ID);
    this.#send(message);
  }

  #live(bytes: Buffer, at: number, length: number): void {
    checkLength(bytes, at, length);
    const isOurs = readU16(bytes, at + 4) === LIVE_ID && !this.isShed;
    if (bytes[at] === MESSAGE.record && isOurs) return;
    if (bytes[at] !== MESSAGE.queryClosed || !isOurs) throw unexpected(bytes, at, length);
    const result = bytes[at + 6]!;
    if (result !== RESULT.TEMPORARY_ERROR) {
      throw new LoadError(`a slow reader's subscription ended with ${describeResult(result)}`);
    }
    this.isShed = true;
  }

  #send(message: Uint8Array): void {
    this.#pool.connections[0]!.send(message);
  }
}
