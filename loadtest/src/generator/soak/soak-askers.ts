/** Queries and Gets of a soak: at their pace, on whichever connection is free, each answer judged. */
import {
  encodeMessage,
  MESSAGE,
  RECORD_AT,
  readU16,
  REFERENCE_BYTES,
  RESULT,
  writeU16,
} from '@mosaic-cluster/protocol';
import { LoadError } from '../../load-error.ts';
import type { RecordPlan } from '../../records/record-plan.ts';
import type { StoreIds } from '../../records/store-ids.ts';
import { checkLength, describeResult, RECORD_OFFSET, unexpected } from '../answer.ts';
import { AnswerCheck } from '../ask.ts';
import type { Pool } from '../pool.ts';
import { type Question, questionsOf } from '../query-mix.ts';
import type { SoakFigures } from './soak-figures.ts';
import type { SoakRecords } from './soak-records.ts';

/** Questions that wait for a free connection from which on the server is too slow for the load. */
const WAITING_MAX = 4_000;
const QUERY_MIXES = ['author', 'tag', 'window', 'authors-50'] as const;

/** Judges the messages of an answer; whether this one ends it. */
type Judge = (bytes: Buffer, at: number, length: number) => boolean;

interface Due {
  readonly part: 'query' | 'get';
  readonly dueAt: number;
  readonly message: Uint8Array;
  readonly begin: (asker: Asker) => Judge;
}

interface Asker {
  readonly connection: number;
  readonly check: AnswerCheck;
  queryId: number;
  /** What it waits for the answer of. */
  current: Due | undefined;
  judge: Judge;
}

/** Questions at the pace of whoever calls. */
export class SoakAskers {
  readonly #pool: Pool;
  readonly #records: SoakRecords;
  readonly #figures: SoakFigures;
  readonly #queries: readonly Question[][];
  readonly #gets: readonly Question[];
  readonly #askers: readonly Asker[];
  readonly #free: Asker[];
  readonly #waiting: Due[] = [];
  #queried = 0;
  #got = 0;
  #done: () => void = () => {};

  constructor(
    pool: Pool,
    plan: RecordPlan,
    store: StoreIds,
    records: SoakRecords,
    figures: SoakFigures,
  ) {
    this.#pool = pool;
    this.#records = records;
    this.#figures = figures;
    this.#queries = QUERY_MIXES.map((mix) => questionsOf(mix, plan, store));
    this.#gets = questionsOf('ids-10', plan, store);
    this.#askers = pool.connections.map((_, connection): Asker => {
      const check = new AnswerCheck(store);
      return { connection, check, queryId: 0, current: undefined, judge: nothingExpected };
    });
    this.#free = [...this.#askers];
  }

  get isIdle(): boolean {
    return this.#free.length === this.#askers.length;
  }

  /** Judges answers until {@link stop}. @throws LoadError at the first that is wrong */
  run(): Promise<void> {
    return this.#pool.run<void>(
      {
        message: (_connection, index, bytes, at, length) => {
          this.#answered(this.#askers[index]!, bytes, at, length);
        },
      },
      (done) => {
        this.#done = done;
      },
    );
  }

  stop(): void {
    this.#done();
  }

  /** Asks the next query of the mixes. */
  query(): void {
    const mix = this.#queries[this.#queried % this.#queries.length]!;
    const question = mix[Math.floor(this.#queried / this.#queries.length) % mix.length]!;
    this.#queried += 1;
    this.#ask('query', question);
  }

  /** In turn: Gets of the store, of a replaceable record, and of what was accepted just now. */
  get(): void {
    this.#got += 1;
    const replaceable = this.#got % 3 === 1 ? this.#records.someReplaceable() : undefined;
    const newest = this.#got % 3 === 2 ? this.#records.newestKept() : undefined;
    if (replaceable !== undefined) {
      const { address, timestamp } = replaceable;
      this.#getOne(address, (record) => {
        const isThere = record.compare(address, 0, REFERENCE_BYTES, RECORD_AT.address, 96) === 0;
        if (!isThere) throw new LoadError('a Get of an address brought another one');
        if (record.compare(timestamp, 0, 8, 0, 8) >= 0) return;
        throw new LoadError('a Get of an address brought a record that was replaced');
      });
    } else if (newest !== undefined) {
      this.#getOne(newest.subarray(0, REFERENCE_BYTES), (record) => {
        if (newest.equals(record)) return;
        throw new LoadError('a Get of a record that was accepted brought something else');
      });
    } else {
      this.#ask('get', this.#gets[this.#got % this.#gets.length]!);
    }
  }

  #ask(part: Due['part'], question: Question): void {
    this.#due({
      part,
      dueAt: performance.now(),
      message: question.message,
      begin: ({ check, queryId }) => {
        check.expect(question, queryId);
        return (bytes, at, length) => check.take(bytes, at, length);
      },
    });
  }

  #getOne(reference: Uint8Array, judge: (record: Buffer) => void): void {
    this.#due({
      part: 'get',
      dueAt: performance.now(),
      message: encodeMessage({ name: 'get', queryId: 0, references: [reference] }),
      begin: ({ queryId }) => judgeOne(queryId, judge),
    });
  }

  #due(due: Due): void {
    const asker = this.#free.pop();
    if (asker !== undefined) {
      this.#begin(asker, due);
      return;
    }
    if (this.#waiting.length >= WAITING_MAX) {
      throw new LoadError(`the server is too slow: ${WAITING_MAX} questions wait for it`);
    }
    this.#waiting.push(due);
  }

  #begin(asker: Asker, due: Due): void {
    asker.current = due;
    asker.queryId = (asker.queryId + 1) & 0xffff;
    asker.judge = due.begin(asker);
    writeU16(due.message, 4, asker.queryId);
    this.#pool.connections[asker.connection]!.send(due.message);
  }

  #answered(asker: Asker, bytes: Buffer, at: number, length: number): void {
    if (!asker.judge(bytes, at, length)) return;
    const { part, dueAt } = asker.current!;
    this.#figures.record(part, dueAt);
    asker.judge = nothingExpected;
    asker.current = undefined;
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(asker);
    else this.#begin(asker, next);
  }
}

/** An answer of one record. */
function judgeOne(queryId: number, judge: (record: Buffer) => void): Judge {
  let records = 0;
  return (bytes, at, length) => {
    checkLength(bytes, at, length);
    const type = bytes[at];
    if (type !== MESSAGE.record && type !== MESSAGE.queryClosed) {
      throw unexpected(bytes, at, length);
    }
    if (readU16(bytes, at + 4) !== queryId) throw new LoadError('an answer to another query');
    if (type === MESSAGE.record) {
      records += 1;
      judge(bytes.subarray(at + RECORD_OFFSET, at + length));
      return false;
    }
    const result = bytes[at + 6]!;
    if (records === 1 && result === RESULT.SUCCESS) return true;
    const text = `a Get of one record brought ${records}`;
    throw new LoadError(`${text} and was closed with ${describeResult(result)}`);
  };
}

const nothingExpected: Judge = (bytes, at, length) => {
  throw unexpected(bytes, at, length);
};
