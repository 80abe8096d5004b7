/**
 * A verifier on the caller's own thread, for tools, tests and machines with one core: the work is
 * cut into slices of a few milliseconds, between which the thread does its other work.
 */
import { MosaicError, recordFaultOf, type RecordView } from '@mosaic-cluster/protocol';
import { Admission, closedError } from './admission.ts';
import { Call, type Item } from './call.ts';
import { withinDeadline } from './deadline.ts';
import { Fifo } from './fifo.ts';
import type { VerifierSettings } from './options.ts';
import type { VerificationTools, VerifierKind } from './tools.ts';
import type { Verdict, Verifier } from './verifier.ts';

/** See the file's head. Made by `createVerifier`. */
export class InlineVerifier implements Verifier {
  readonly kind: VerifierKind;
  readonly workers = 0;
  readonly #tools: VerificationTools['tools'];
  readonly #settings: VerifierSettings;
  readonly #admission: Admission;
  readonly #queue = new Fifo<Item>();
  #isScheduled = false;

  constructor(tools: VerificationTools, settings: VerifierSettings) {
    this.kind = tools.kind;
    this.#tools = tools.tools;
    this.#settings = settings;
    this.#admission = new Admission(settings);
  }

  get pending(): number {
    return this.#admission.records;
  }

  get pendingBytes(): number {
    return this.#admission.bytes;
  }

  async verify(records: readonly RecordView[]): Promise<readonly Verdict[]> {
    this.#admission.enter(records);
    if (records.length === 0) return [];
    const call = new Call(this.#admission, records.length);
    records.forEach((record, index) => this.#queue.push({ record, call, index }));
    this.#schedule();
    return call.verdicts;
  }

  ready(): Promise<void> {
    return this.#admission.ready();
  }

  async close(): Promise<void> {
    await withinDeadline(this.#admission.close(), this.#settings.closeDeadlineMs);
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) {
      item.call.fail(item, closedError());
    }
  }

  #schedule(): void {
    if (this.#isScheduled || this.#queue.length === 0) return;
    this.#isScheduled = true;
    setImmediate(() => this.#runSlice());
  }

  #runSlice(): void {
    this.#isScheduled = false;
    const end = performance.now() + this.#settings.sliceMs;
    do {
      const item = this.#queue.shift();
      if (item === undefined) return;
      this.#check(item);
    } while (performance.now() < end);
    this.#schedule();
  }

  /** A bug that some record's bytes bring out must not end the process: it fails that call. */
  #check(item: Item): void {
    let verdict: Verdict;
    try {
      verdict = recordFaultOf(item.record, this.#tools);
    } catch (cause) {
      const text = 'checking a record failed';
      item.call.fail(item, new MosaicError('internal', 'verifier-bug', text, { cause }));
      return;
    }
    item.call.answer(item, verdict);
  }
}
