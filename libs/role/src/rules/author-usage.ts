/**
 * How many bytes an author has in a role: counted from the index, so that there is no second truth,
 * remembered for a while and added to by what this process stores.
 */
import { type PublicKey } from '@mosaic-cluster/protocol';
import { type Position, type RecordIndex, recordBytesAt } from '@mosaic-cluster/store';
import { keyName } from '../key-name.ts';
import { nextTurn } from '../next-turn.ts';
import { WeightedMap } from '../weighted-map.ts';

/** How usage is counted. */
export interface AuthorUsageOptions {
  readonly index: Pick<RecordIndex, 'scan'>;
  /** Milliseconds that never run backwards. */
  readonly monotonicMs?: () => number;
}

interface Counted {
  bytes: number;
  readonly untilMs: number;
}

/** Authors remembered; then the oldest go and are counted again. */
const AUTHORS_MAX = 50_000;
/** Entries of an author that are counted; what an author has beyond them counts nothing. */
const ENTRIES_MAX = 100_000;
const ENTRIES_AT_ONCE = 512;
/** A count is believed for so long at least, and for so many times as it took. */
const BELIEVED_MS = 60_000;
const BELIEVED_TIMES = 1000;

/** Counts what authors have. */
export class AuthorUsage {
  readonly #index: Pick<RecordIndex, 'scan'>;
  readonly #monotonicMs: () => number;
  readonly #counted = new WeightedMap<Counted>({
    entriesMax: AUTHORS_MAX,
    weightMax: Number.POSITIVE_INFINITY,
  });
  /** Counts under way, by author: one serves all who ask. */
  readonly #counting = new Map<string, Promise<Counted>>();

  constructor({ index, monotonicMs = () => performance.now() }: AuthorUsageOptions) {
    this.#index = index;
    this.#monotonicMs = monotonicMs;
  }

  /**
   * Reserves room for a record, unless the author would have more than the limit.
   *
   * @param limitMax the highest limit that may be asked for this author: no more is counted
   * @returns gives the room back, for a record that is not stored after all; undefined: there is none
   * @throws MosaicError what the index throws
   */
  async reserve(
    author: PublicKey,
    bytes: number,
    limit: number,
    limitMax: number = limit,
  ): Promise<(() => void) | undefined> {
    const name = keyName(author);
    const known = this.#counted.get(name);
    const isKnown = known !== undefined && this.#monotonicMs() < known.untilMs;
    const counted = isKnown ? known : await this.#count(author, name, limitMax);
    if (counted.bytes + bytes > limit) return undefined;
    counted.bytes += bytes;
    // A count that took its place meanwhile has never heard of the record.
    return () => {
      counted.bytes -= bytes;
    };
  }

  #count(author: PublicKey, name: string, limitMax: number): Promise<Counted> {
    const underWay = this.#counting.get(name);
    if (underWay !== undefined) return underWay;
    const count = this.#walk(author, limitMax)
      .then((counted) => {
        this.#counted.set(name, counted, 1);
        return counted;
      })
      .finally(() => this.#counting.delete(name));
    this.#counting.set(name, count);
    return count;
  }

  async #walk(author: PublicKey, limitMax: number): Promise<Counted> {
    const startMs = this.#monotonicMs();
    let bytes = 0;
    let below: Position | undefined;
    for (let entries = 0; entries < ENTRIES_MAX && bytes <= limitMax; ) {
      const limit = ENTRIES_AT_ONCE;
      const some = await this.#index.scan({ path: 'author', author }, { below, limit });
      for (const { location } of some) bytes += recordBytesAt(location);
      entries += some.length;
      below = some.at(-1)?.position;
      if (some.length < limit) break;
      await nextTurn();
    }
    const endMs = this.#monotonicMs();
    const believedMs = Math.max(BELIEVED_MS, (endMs - startMs) * BELIEVED_TIMES);
    return { bytes, untilMs: endMs + believedMs };
  }
}
