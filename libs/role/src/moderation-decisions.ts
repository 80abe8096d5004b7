/**
 * What moderators decided on records that the inbox held for them. A decision is about one record, by
 * its ID, and may be changed at any time.
 */
import { MosaicError, type Reference } from '@mosaic-cluster/protocol';
import type { Changed, Fact, FactChange, Registry } from '@mosaic-cluster/store';

/** The collection of the registry that decisions are in, by record ID. */
export const DECISIONS_COLLECTION = 'inbox-decisions';
/** Most bytes of the name of whoever decided, in UTF-8. */
export const DECIDED_BY_BYTES_MAX = 255;

/** `approved`: everybody may read the record; `rejected`: nobody, its recipients included. */
export type Decision = 'approved' | 'rejected';

/** A decision and its circumstances. */
export interface DecisionDetails {
  readonly decision: Decision;
  /** Empty: not said. */
  readonly decidedBy: string;
  /** Milliseconds since 1970. */
  readonly decidedAtMs: number;
}

/** Where the inbox looks up what was decided. */
export interface DecisionLookup {
  /**
   * What was decided on a record; undefined: nothing. A promise where it is not in memory.
   *
   * @throws MosaicError as `Registry.get`, by the promise
   */
  decisionOn(id: Reference): Decision | undefined | Promise<Decision | undefined>;
}

const FORMAT = 1;
const HEAD_BYTES = 2;
const NUMBERS: Readonly<Record<Decision, number>> = { approved: 1, rejected: 2 };

/** Reads and makes decisions. */
export class ModerationDecisions implements DecisionLookup {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  decisionOn(id: Reference): Decision | undefined | Promise<Decision | undefined> {
    const fact = this.#registry.peek(DECISIONS_COLLECTION, id);
    if (fact !== undefined) return fact === null ? undefined : decodeDecision(fact).decision;
    return this.details([id]).then(([found]) => found?.decision);
  }

  /** What was decided on up to 1,000 records; undefined: nothing. Throws as `Registry.get`. */
  async details(ids: readonly Reference[]): Promise<(DecisionDetails | undefined)[]> {
    const facts = await this.#registry.get(DECISIONS_COLLECTION, ids);
    return facts.map((fact) => fact && decodeDecision(fact));
  }

  /** Up to 1,000 records that were decided on, in the order of their IDs. Throws as `Registry.list`. */
  async list(after?: Reference): Promise<{ ids: readonly Reference[]; hasMore: boolean }> {
    const page = await this.#registry.list({ collection: DECISIONS_COLLECTION, after });
    return { ids: page.facts.map(({ key }) => key), hasMore: page.hasMore };
  }

  /**
   * Decides on up to 10,000 records.
   *
   * @throws MosaicError `invalid` (`decided-by`) where that is too long, or as `Registry.change`
   */
  decide(ids: readonly Reference[], decision: Decision, decidedBy = ''): Promise<Changed> {
    const by = Buffer.from(decidedBy);
    if (by.length > DECIDED_BY_BYTES_MAX) {
      const message = `the name of whoever decides has at most ${DECIDED_BY_BYTES_MAX} bytes`;
      throw new MosaicError('invalid', 'decided-by', message);
    }
    const value = Buffer.concat([Buffer.of(FORMAT, NUMBERS[decision]), by]);
    const collection = DECISIONS_COLLECTION;
    return this.#registry.change(ids.map((key) => ({ collection, key, value })));
  }
}

/** The IDs of the records that changes to the registry decide on. */
export function decidedRecords(news: readonly FactChange[]): Reference[] {
  return news
    .filter(({ collection, value }) => collection === DECISIONS_COLLECTION && value !== undefined)
    .map(({ key }) => key);
}

/** `[format 1: 1] [1 approved, 2 rejected] [name]`. */
function decodeDecision({ value, changedAtMs }: Fact): DecisionDetails {
  return {
    // What cannot be understood must not be shown to everybody.
    decision: value[1] === NUMBERS.approved ? 'approved' : 'rejected',
    decidedBy: new TextDecoder().decode(value.subarray(HEAD_BYTES)),
    decidedAtMs: changedAtMs,
  };
}
