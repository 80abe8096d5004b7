/** Submits a soak's records over a pool's connections in turn, and holds each answer to its record. */
import { encodeSubmission, MESSAGE } from '@mosaic-cluster/protocol';
import { LoadError } from '../../load-error.ts';
import { idNumberAt } from '../../records/submission-frames.ts';
import { checkLength, describeResult, unexpected } from '../answer.ts';
import type { Pool } from '../pool.ts';
import type { SoakAudience } from './soak-audience.ts';
import type { SoakFigures } from './soak-figures.ts';
import type { SoakRecord, SoakRecords } from './soak-records.ts';

/** Submissions not answered from which on the server is too slow for the load. */
const UNANSWERED_MAX = 4_000;
/** Bytes of an ID that a Submission Result repeats. */
const ID_PREFIX_BYTES = 32;

interface Unanswered {
  readonly record: SoakRecord;
  readonly sentAt: number;
}

/** Submissions at the pace of whoever calls {@link submit}. */
export class SoakSubmitter {
  readonly #pool: Pool;
  readonly #records: SoakRecords;
  readonly #audience: SoakAudience;
  readonly #figures: SoakFigures;
  readonly #unanswered = new Map<number, Unanswered>();
  #turn = 0;
  #done: () => void = () => {};

  constructor(pool: Pool, records: SoakRecords, audience: SoakAudience, figures: SoakFigures) {
    this.#pool = pool;
    this.#records = records;
    this.#audience = audience;
    this.#figures = figures;
  }

  get isIdle(): boolean {
    return this.#unanswered.size === 0;
  }

  /** Judges answers until {@link stop}. @throws LoadError at the first that is wrong */
  run(): Promise<void> {
    return this.#pool.run<void>(
      { message: (_connection, _index, bytes, at, length) => this.#answered(bytes, at, length) },
      (done) => {
        this.#done = done;
      },
    );
  }

  stop(): void {
    this.#done();
  }

  /** Submits the next record. */
  submit(): void {
    if (this.#unanswered.size >= UNANSWERED_MAX) {
      throw new LoadError(`the server is too slow: ${UNANSWERED_MAX} submissions wait for it`);
    }
    const record = this.#records.next();
    const number = idNumberAt(record.bytes, 0);
    // A record that is still on its way a second time: it will be repeated another time.
    if (this.#unanswered.has(number)) return;
    this.#unanswered.set(number, { record, sentAt: performance.now() });
    this.#audience.expect(record);
    const { connections } = this.#pool;
    this.#turn += 1;
    connections[this.#turn % connections.length]!.send(encodeSubmission(record.bytes));
  }

  #answered(bytes: Buffer, at: number, length: number): void {
    if (bytes[at] !== MESSAGE.submissionResult) throw unexpected(bytes, at, length);
    checkLength(bytes, at, length);
    const number = idNumberAt(bytes, at + 8);
    const unanswered = this.#unanswered.get(number);
    const prefix = unanswered?.record.bytes.subarray(0, ID_PREFIX_BYTES);
    if (prefix?.compare(bytes, at + 8, at + 8 + ID_PREFIX_BYTES) !== 0) {
      throw new LoadError('a result for a record that was not submitted, or answered before');
    }
    const { record, sentAt } = unanswered!;
    const result = bytes[at + 4]!;
    if (result !== record.expected) {
      const wanted = describeResult(record.expected);
      const text = `a ${record.class} record was answered with ${describeResult(result)}`;
      throw new LoadError(`${text}, not with ${wanted}`);
    }
    this.#unanswered.delete(number);
    this.#records.settled(record);
    this.#figures.record('submission', sentAt);
    const event = EVENTS[record.class];
    if (event !== undefined) this.#figures.count(event);
  }
}

const EVENTS = {
  kept: undefined,
  replacing: 'replacements',
  heard: 'ephemeral',
  unheard: 'ephemeral',
  repeated: 'duplicates',
} as const;
