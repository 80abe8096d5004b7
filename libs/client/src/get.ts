/**
 * Getting records by reference: asks in portions, and after a lost connection for what is missing
 * of the portion.
 */
import {
  asReference,
  isSuccess,
  RESULT,
  recordFieldsFault,
  type RecordView,
  type Reference,
  referenceKind,
} from '@mosaic-cluster/protocol';
import { cannotResume, serverMessageFault } from './query.ts';
import { serverRecordFault } from './record-check.ts';
import { ResultError } from './result-error.ts';
import type { Ask, Step, StreamScript } from './stream-script.ts';

/** References in one request. */
const PORTION_MAX = 512;
/** Records of one portion's addresses beyond which it cannot be repeated. */
const FOUND_MAX = 65_536;

/** The state of one get. */
export class GetScript implements StreamScript<RecordView> {
  readonly what = 'the get';
  /** What was not asked for yet, without repetitions. */
  readonly #rest: Reference[];
  /** The portion that is asked for: references by text. IDs leave it when their record comes. */
  #portion = new Map<string, Reference>();
  /** IDs that this portion has brought. */
  #found = new Set<string>();

  /** @throws MosaicError `invalid` with code `reference` */
  constructor(references: Iterable<Reference>) {
    const byText = new Map<string, Reference>();
    for (const reference of references) {
      byText.set(text(asReference(reference)), new Uint8Array(reference));
    }
    this.#rest = [...byText.values()].reverse();
  }

  begin(): Step<RecordView> {
    if (this.#portion.size === 0) {
      const portion = this.#rest.splice(-PORTION_MAX).reverse();
      this.#portion = new Map(portion.map((reference) => [text(reference), reference]));
      this.#found = new Set();
    }
    if (this.#portion.size === 0) return { isDone: true };
    return { asks: [{ name: 'get', references: [...this.#portion.values()] }] };
  }

  record(_ask: Ask, record: RecordView): Step<RecordView> {
    const fault = recordFieldsFault(record);
    if (fault !== undefined) throw serverRecordFault(`that is not valid: ${fault.message}`, fault);
    const id = text(record.id);
    if (this.#found.has(id)) return {};
    const isAsked = this.#portion.delete(id) || this.#portion.has(text(record.address));
    if (!isAsked) throw serverRecordFault('that was not asked for');
    if (this.#found.size < FOUND_MAX) this.#found.add(id);
    return { items: [{ value: record, record }] };
  }

  locallyComplete(): Step<RecordView> {
    throw serverMessageFault('Locally Complete for a get');
  }

  closed(_ask: Ask, result: number): Step<RecordView> {
    if (!isSuccess(result) && result !== RESULT.NOT_FOUND) throw new ResultError(this.what, result);
    this.#portion.clear();
    return this.begin();
  }

  interrupted(): Step<RecordView> {
    const hasAddress = [...this.#portion.values()].some(
      (item) => referenceKind(item) === 'address',
    );
    if (hasAddress && this.#found.size >= FOUND_MAX) {
      throw cannotResume(`an address has more than ${FOUND_MAX} records`);
    }
    return {};
  }
}

function text(reference: Reference): string {
  return String.fromCharCode(...reference);
}
