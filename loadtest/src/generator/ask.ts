/**
 * Queries: every connection asks one question after the other and reads the whole answer. Each
 * answer is judged, so that a server that is wrong is not taken for one that is fast.
 */
import { MESSAGE, readU16, REFERENCE_BYTES, RESULT, writeU16 } from '@mosaic-cluster/protocol';
import { LoadError } from '../load-error.ts';
import type { StoreIds } from '../records/store-ids.ts';
import { checkLength, describeResult, RECORD_OFFSET, unexpected } from './answer.ts';
import type { Connection } from './connection.ts';
import { encodeFrame, frameHeadBytes } from './frame.ts';
import { type Outcome, Stopwatch } from './outcome.ts';
import type { Pool } from './pool.ts';
import type { Question } from './query-mix.ts';

/** A question as it goes over the wire. */
interface FramedQuestion extends Question {
  readonly frame: Buffer;
  /** Where the query id is. */
  readonly queryIdAt: number;
}

/** Judges one answer at a time. */
export class AnswerCheck {
  readonly #store: StoreIds;
  readonly #previousId: Buffer = Buffer.alloc(REFERENCE_BYTES);
  #question: Question | undefined;
  #queryId = 0;
  #records = 0;
  /** Of a Get: what has come, bit by bit. */
  #found = 0n;

  constructor(store: StoreIds) {
    this.#store = store;
  }

  /** The next messages answer this. */
  expect(question: Question, queryId: number): void {
    this.#question = question;
    this.#queryId = queryId;
    this.#records = 0;
    this.#found = 0n;
  }

  /** Takes a message; whether it ends the answer. @throws LoadError where it is wrong */
  take(bytes: Buffer, at: number, length: number): boolean {
    const question = this.#question;
    const type = bytes[at];
    const isPart = type === MESSAGE.record || type === MESSAGE.queryClosed;
    if (question === undefined || !isPart) throw unexpected(bytes, at, length);
    checkLength(bytes, at, length);
    if (readU16(bytes, at + 4) !== this.#queryId) throw new LoadError('an answer to another query');
    if (type === MESSAGE.record) {
      this.#record(question, bytes, at + RECORD_OFFSET);
      return false;
    }
    this.#closed(question, bytes[at + 6]!);
    this.#question = undefined;
    return true;
  }

  #record(question: Question, bytes: Buffer, at: number): void {
    const { expected, limit, isExact } = question;
    if (this.#records >= limit) throw new LoadError('an answer has too many records');
    if (isExact) this.#requested(expected, bytes, at);
    else this.#ranked(question, bytes, at);
    this.#records += 1;
  }

  #requested(expected: readonly number[], bytes: Buffer, at: number): void {
    const place = expected.findIndex((index) => this.#store.compare(index, bytes, at) === 0);
    const bit = 1n << BigInt(Math.max(place, 0));
    if (place < 0) throw new LoadError('an answer holds a record that was not asked for');
    if ((this.#found & bit) !== 0n) throw new LoadError('an answer holds a record twice');
    this.#found |= bit;
  }

  #ranked({ expected, matches }: Question, bytes: Buffer, at: number): void {
    if (!matches(bytes, at)) throw new LoadError('an answer holds a record that does not match');
    const end = at + REFERENCE_BYTES;
    const isOrdered =
      this.#records === 0 || bytes.compare(this.#previousId, 0, REFERENCE_BYTES, at, end) < 0;
    if (!isOrdered) throw new LoadError('an answer is not in order, newest first');
    bytes.copy(this.#previousId, 0, at, end);
    const newest = expected[this.#records];
    if (newest !== undefined && this.#store.compare(newest, bytes, at) < 0) {
      throw new LoadError('an answer lacks a newer record that the server holds');
    }
  }

  #closed({ expected }: Question, result: number): void {
    if (result !== RESULT.SUCCESS) {
      throw new LoadError(`a query was closed with ${describeResult(result)}`);
    }
    if (this.#records >= expected.length) return;
    throw new LoadError(`an answer has ${this.#records} records, not ${expected.length}`);
  }
}

/** What each connection is about. */
interface Asker {
  readonly check: AnswerCheck;
  sentAt: number;
  queryId: number;
}

/** Asks `count` questions, one at a time on each connection. @throws LoadError as above */
export function ask(
  pool: Pool,
  questions: readonly Question[],
  store: StoreIds,
  count: number,
): Promise<Outcome> {
  const framed = questions.map(frameQuestion);
  const askers = pool.connections.map((): Asker => {
    return { check: new AnswerCheck(store), sentAt: 0, queryId: 0 };
  });
  const watch = new Stopwatch();
  let asked = 0;
  let answered = 0;
  let finish: (outcome: Outcome) => void = () => {};
  const askNext = (connection: Connection, asker: Asker): void => {
    if (asked === count) return;
    const question = framed[asked % framed.length]!;
    asked += 1;
    asker.queryId = (asker.queryId + 1) & 0xffff;
    writeU16(question.frame, question.queryIdAt, asker.queryId);
    asker.check.expect(question, asker.queryId);
    asker.sentAt = performance.now();
    connection.write(question.frame);
  };
  return pool.run<Outcome>(
    {
      message: (connection, index, bytes, at, length) => {
        const asker = askers[index]!;
        if (!asker.check.take(bytes, at, length)) return;
        watch.latency.record((performance.now() - asker.sentAt) * 1000);
        answered += 1;
        if (answered === count) finish(watch.stop(answered));
        else askNext(connection, asker);
      },
    },
    (done) => {
      finish = done;
      if (count === 0) done(watch.stop(0));
      for (const [i, connection] of pool.connections.entries()) askNext(connection, askers[i]!);
    },
  );
}

function frameQuestion(question: Question): FramedQuestion {
  const { message } = question;
  return {
    ...question,
    frame: encodeFrame(message),
    queryIdAt: frameHeadBytes(message.length) + 4,
  };
}
