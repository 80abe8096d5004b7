/**
 * Looks in storage for what one subscription has not been sent although it came in lately.
 *
 * A role finds what was received in a span of time quickly as long as that is little; else it walks
 * all that matches the rest of the filter, from the newest record to the oldest there is. So a span in
 * which much came in is cut in slices, until each is small enough. What a search costs follows from what
 * came in meanwhile, not from what there is.
 */
import type { ServedRecord } from '@mosaic-cluster/bus';
import type { PublicKey, FilterView, Timestamp } from '@mosaic-cluster/protocol';
import type { GatewayLimits } from '../limits.ts';
import { type PageSource, QueryStream } from '../queries/query-stream.ts';
import { type EndedSpan, type ReceivedSpan, receivedWithin } from './received-within.ts';
import type { RecordStanding } from './record-standing.ts';
import type { RoleShare } from '../submissions/role-choice.ts';
import type { Subscription } from './subscription.ts';

/** What a search needs. */
export interface MissedRecordsOptions {
  readonly sources: (
    filter: FilterView,
    reader: PublicKey | undefined,
    share: RoleShare,
  ) => PageSource[];
  readonly standing: (subscription: Subscription, served: ServedRecord) => RecordStanding;
  readonly limits: GatewayLimits;
}

/** A page with more index entries than this is one of a walk: see `RECEIVED_WINDOW_MAX` of roles. */
const SCANNED_MAX = 2_048;
/** A slice that took less than this is followed by one twice as long. */
const SCANNED_LITTLE = 512;
/** In nanoseconds: what came in within a millisecond, mostly in one commit, is not cut further. */
const SLICE_MIN = 1_000_000n;
/** Slices of one search; what is left then is walked. */
const SLICES_MAX = 1_024;

/**
 * The records received in a span of time that a subscription missed, in the order in which they came
 * in; undefined where that cannot be told, or where they are more than may be held.
 *
 * @param span has no record after its end that must be found
 * @throws what a role fails with
 */
export async function findMissed(
  options: MissedRecordsOptions,
  subscription: Subscription,
  span: EndedSpan,
): Promise<ServedRecord[] | undefined> {
  const search = new Search(options, subscription);
  // How long private records take must not depend on what others wrote: their readers' are all walked.
  const outcome =
    (await search.look({ since: span.since }, 'private', 'walk')) ?? (await search.slices(span));
  if (subscription.isClosed) return [];
  return outcome === undefined ? search.missed.sort(byReception) : undefined;
}

/** Why a look came to no end: nobody can tell any more, or a role would walk. */
type Failure = 'unknown' | 'dense';

class Search {
  readonly missed: ServedRecord[] = [];
  readonly #options: MissedRecordsOptions;
  readonly #subscription: Subscription;
  #bytes = 0;
  /** Index entries that the last look took. */
  #scanned = 0;

  constructor(options: MissedRecordsOptions, subscription: Subscription) {
    this.#options = options;
    this.#subscription = subscription;
  }

  /** Looks at a whole span at first, then slice by slice. */
  async slices({ since: start, until: end }: EndedSpan): Promise<Failure | undefined> {
    const whole = await this.look({ since: start }, 'public', 'cut');
    if (whole !== 'dense') return whole;
    let width = (end - start) / 2n;
    let since = start;
    for (let slices = 1; since <= end; slices++) {
      const isCut = slices < SLICES_MAX && width >= SLICE_MIN;
      const until = slices < SLICES_MAX ? least(since + width, end) : end;
      const outcome = await this.look({ since, until }, 'public', isCut ? 'cut' : 'walk');
      if (this.#subscription.isClosed) return undefined;
      if (outcome === 'unknown') return outcome;
      if (outcome === 'dense') {
        width /= 2n;
        continue;
      }
      since = until + 1n;
      if (this.#scanned < SCANNED_LITTLE || width < SLICE_MIN) width *= 2n;
      if (width === 0n) width = 1n;
    }
    return undefined;
  }

  /** Looks at a span; what is missed of it is kept where it comes to an end. */
  look(span: ReceivedSpan, share: RoleShare, effort: 'cut' | 'walk'): Promise<Failure | undefined> {
    const { sources, limits } = this.#options;
    const { subscriber, matcher } = this.#subscription;
    const filter = receivedWithin(matcher.filter, span);
    this.#scanned = 0;
    return new Promise((resolve, reject) => {
      const found: ServedRecord[] = [];
      let bytes = 0;
      const end = (failure: Failure | undefined): void => {
        stream.cancel();
        if (failure === undefined) {
          this.missed.push(...found);
          this.#bytes += bytes;
        }
        resolve(failure);
      };
      const isRefused = (served: ServedRecord): boolean => {
        if (!isWithin(served, span)) return false;
        const what = this.#options.standing(this.#subscription, served);
        if (what !== 'missed') return what === 'forgotten';
        found.push(served);
        bytes += served.record.bytes.length;
        const count = this.missed.length + found.length;
        return count > limits.heldRecordsMax || this.#bytes + bytes > limits.heldBytesMax;
      };
      const watched = (source: PageSource): PageSource => {
        return async (cursor, budget) => {
          const page = await source(cursor, budget);
          const { next, scanned = 0 } = page;
          this.#scanned += scanned;
          const isWalk = next !== undefined && scanned > SCANNED_MAX;
          // A filter without room for the times is walked whatever the span is.
          if (isWalk && effort === 'cut' && filter !== undefined) end('dense');
          return page;
        };
      };
      const write = (records: readonly ServedRecord[], ended: boolean): void => {
        if (this.#subscription.isClosed) end(undefined);
        else if (records.some(isRefused)) end('unknown');
        else if (ended) end(undefined);
      };
      const stream = new QueryStream({
        sources: sources(filter ?? matcher.filter, subscriber.key, share).map(watched),
        sink: { isClogged: () => false, write, failed: reject },
        limit: 0,
        pageRecordsFirst: limits.pageRecordsFirst,
        limits,
      });
      stream.resume();
    });
  }
}

function isWithin({ receivedAt }: ServedRecord, { since, until }: ReceivedSpan): boolean {
  return receivedAt >= since && (until === undefined || receivedAt <= until);
}

function least(a: Timestamp, b: Timestamp): Timestamp {
  return a < b ? a : b;
}

function byReception(a: ServedRecord, b: ServedRecord): number {
  if (a.receivedAt === b.receivedAt) return 0;
  return a.receivedAt < b.receivedAt ? -1 : 1;
}
