/**
 * Subscriptions that survive a lost connection, without a gap and without a repetition.
 *
 * Records arrive in the order in which the server receives them, whatever their own timestamps say,
 * so a gap is closed by "received since": after a reconnect the filter asks for what was received
 * since the last moment up to which everything is known to have arrived, less an overlap. What the
 * overlap repeats is recognised by ID. The moment is one of this machine's clock and the server
 * compares it with its own; the overlap makes up for the difference. Whether it was long enough
 * shows when records come again that had come shortly before the interruption; where they do not,
 * the window is widened. Where more comes than can be remembered, the first window is narrower.
 *
 * What was stored before the subscription began is a query of its own where it was interrupted.
 */
import {
  type FilterView,
  isSuccess,
  MosaicError,
  RESULT,
  type RecordView,
  timestampFromMillis,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import { boundFilter } from './filter-bounds.ts';
import { FilterCheck } from './record-check.ts';
import { QueryScript, serverMessageFault } from './query.ts';
import { idText, RecentIds } from './recent-ids.ts';
import { ResultError } from './result-error.ts';
import type { Ask, Item, Step, StreamScript } from './stream-script.ts';

/** What a subscription yields. */
export type SubscriptionEvent =
  | { readonly name: 'record'; readonly record: RecordView }
  /** Everything that was stored has come; what follows is new. Once in a subscription's life. */
  | { readonly name: 'locallyComplete' }
  /** The connection was lost or the caller too slow. Ephemeral records may be missed from here. */
  | { readonly name: 'interrupted'; readonly error: MosaicError | undefined }
  /** Everything stored in the meantime has come, and the subscription goes on. */
  | {
      readonly name: 'resumed';
      /**
       * Whether records from before the interruption came again, which shows that nothing is
       * missing between. False: this machine's clock and the server's differ by hours, or those
       * records were removed. Undefined: none had come recently enough to tell.
       */
      readonly isOverlapSeen: boolean | undefined;
    };

/** How subscriptions are resumed. */
export interface ResumeOptions {
  /**
   * How far a resumed subscription reaches back behind the moment up to which everything had
   * arrived, in milliseconds: more than the clocks of both sides may differ.
   */
  readonly overlapMs: number;
  /**
   * IDs remembered per subscription. Where more come within the overlap, a resumed subscription
   * reaches back less far, down to a fifth of the overlap; what comes within that again is repeated.
   */
  readonly recentMax: number;
}

/** Five minutes; 65,536 records, some 6 MB where as many came. */
export const RESUME_DEFAULTS: ResumeOptions = { overlapMs: 300_000, recentMax: 65_536 };

/** The window after each attempt that showed no overlap, as a multiple of the overlap. */
const WINDOWS: readonly number[] = [1, 12, 288];
/** The least part of the overlap that a first window reaches back. */
const OVERLAP_PART_MIN = 0.2;
/** Records by which an overlap is recognised. */
const ANCHORS_MAX = 8;

interface Anchor {
  readonly id: string;
  readonly at: number;
}

type EventStep = Step<SubscriptionEvent>;

/** What the connection at hand is bringing: */
type Phase =
  /** what was stored, on the first connection */
  | 'stored'
  /** what was received since the interruption */
  | 'window'
  /** what was received before that, because no overlap showed */
  | 'widen'
  /** the rest of what was stored when the subscription began */
  | 'rest'
  /** new records only */
  | 'live';

/** The state of one subscription. */
export class SubscriptionScript implements StreamScript<SubscriptionEvent> {
  readonly what = 'the subscription';
  readonly #filter: FilterView;
  readonly #limit: number;
  readonly #resume: ResumeOptions;
  readonly #check: FilterCheck;
  readonly #recent: RecentIds;
  /** What was stored when the subscription began. */
  #stored: QueryScript;
  #isStoredDone = false;
  /** Whether anything came yet. */
  #hasBegun = false;
  #phase: Phase = 'stored';
  /** This connection's Subscribe and when it was made. */
  #live: Ask | undefined;
  #openedAt = 0;
  /** Everything received by the server before this moment has come, the stored part aside. */
  #completeUntil = 0;
  /** Whether the caller was told of an interruption and of no resumption since. */
  #isInterrupted = false;
  /** How far back each attempt reaches, in milliseconds. */
  #reaches: readonly number[] = [];
  #window = 0;
  #windowStart: Timestamp | undefined;
  #anchors: Anchor[] = [];
  /** Of the anchors, those that the window should bring again. */
  #expected = new Set<string>();
  #isOverlapSeen = false;

  constructor(filter: FilterView, limit: number, resume: ResumeOptions) {
    this.#filter = filter;
    this.#limit = limit;
    this.#resume = resume;
    this.#check = new FilterCheck(filter);
    this.#recent = new RecentIds(resume.recentMax);
    this.#stored = new QueryScript(filter, limit, this.#check);
  }

  begin(now: number): EventStep {
    this.#openedAt = now;
    const [live, phase] = this.#hasBegun ? this.#beginAgain() : this.#beginNew(now);
    this.#live = live;
    this.#phase = phase;
    return { asks: [live] };
  }

  record(ask: Ask, record: RecordView, now: number): EventStep {
    this.#hasBegun = true;
    const id = idText(record.id);
    if (this.#expected.has(id)) this.#isOverlapSeen = true;
    const isStored = this.#phase === (ask === this.#live ? 'stored' : 'rest');
    if (isStored) {
      if (!this.#stored.accept(record) || this.#recent.has(id)) return {};
      this.#recent.addWhereRoom(id, now);
    } else {
      this.#check.check(record);
      if (this.#recent.has(id)) return {};
      this.#recent.add(id, now);
      // Before everything has been caught up with, a record proves nothing about what is before it.
      if (this.#phase === 'live') this.#anchor(record, id, now);
    }
    return { items: [{ value: { name: 'record', record }, record }] };
  }

  locallyComplete(ask: Ask): EventStep {
    if (ask !== this.#live) throw serverMessageFault('Locally Complete for a query');
    this.#hasBegun = true;
    if (this.#phase === 'window') return this.#catchUp();
    if (this.#phase !== 'stored') throw serverMessageFault('Locally Complete twice');
    this.#phase = 'live';
    return { items: this.#finishStored() };
  }

  closed(ask: Ask, result: number): EventStep {
    const isEnd = isSuccess(result) || result === RESULT.NOT_FOUND;
    if (ask === this.#live || !isEnd) throw new ResultError(this.what, result);
    if (this.#phase === 'rest') {
      const { asks } = this.#stored.closed(ask, result);
      if (asks !== undefined) return { asks };
      return { items: [...this.#finishStored(), ...this.#finishResuming()] };
    }
    return this.#catchUp();
  }

  interrupted(confirmedAt: number, error: MosaicError | undefined): EventStep {
    if (!this.#hasBegun) return {};
    if (!this.#isStoredDone) this.#stored.interrupted();
    if (this.#phase === 'live') {
      this.#completeUntil = Math.max(this.#completeUntil, this.#openedAt, confirmedAt);
    }
    if (this.#isInterrupted) return {};
    this.#isInterrupted = true;
    return { items: [event({ name: 'interrupted', error })] };
  }

  /** Nothing came yet: there is nothing to resume. */
  #beginNew(now: number): [Ask, Phase] {
    this.#stored = new QueryScript(this.#filter, this.#limit, this.#check);
    this.#stored.begin();
    this.#completeUntil = now;
    return [{ name: 'subscribe', filter: this.#filter, limit: this.#limit }, 'stored'];
  }

  #beginAgain(): [Ask, Phase] {
    this.#reaches = this.#chooseReaches();
    this.#expected = this.#expectedWithin(this.#reaches[0] ?? 0);
    this.#isOverlapSeen = false;
    this.#window = 0;
    this.#windowStart = this.#startOfWindow(0);
    const filter = boundFilter(this.#filter, { receivedSince: this.#windowStart });
    // Where the filter has no room for the limit, all that is stored comes again and is compared.
    if (filter === undefined) this.#windowStart = undefined;
    return [{ name: 'subscribe', filter: filter ?? this.#filter, limit: 0 }, 'window'];
  }

  /** What is still missing after a window: a wider one, the rest of what was stored, nothing. */
  #catchUp(): EventStep {
    const wider = this.#widen();
    if (wider !== undefined) {
      this.#phase = 'widen';
      return { asks: [wider] };
    }
    if (this.#isStoredDone) return { items: this.#finishResuming() };
    const { asks } = this.#stored.begin();
    if (asks === undefined) return { items: [...this.#finishStored(), ...this.#finishResuming()] };
    this.#phase = 'rest';
    return { asks };
  }

  #widen(): Ask | undefined {
    const isMissing = this.#expected.size > 0 && !this.#isOverlapSeen;
    const before = this.#windowStart;
    if (!isMissing || before === undefined || this.#window + 1 >= this.#reaches.length)
      return undefined;
    this.#window += 1;
    this.#windowStart = this.#startOfWindow(this.#window);
    const bounds = { receivedSince: this.#windowStart, receivedUntil: before };
    const filter = boundFilter(this.#filter, bounds);
    return filter && { name: 'query', filter, limit: 0 };
  }

  #finishStored(): Item<SubscriptionEvent>[] {
    this.#isStoredDone = true;
    return [event({ name: 'locallyComplete' })];
  }

  #finishResuming(): Item<SubscriptionEvent>[] {
    this.#phase = 'live';
    this.#isInterrupted = false;
    const isOverlapSeen = this.#expected.size === 0 ? undefined : this.#isOverlapSeen;
    this.#expected = new Set();
    return [event({ name: 'resumed', isOverlapSeen })];
  }

  #startOfWindow(window: number): Timestamp {
    const reachMs = this.#reaches[window] ?? 0;
    return timestampFromMillis(Math.max(0, Math.floor(this.#completeUntil - reachMs)));
  }

  /** Reaches back less far than the overlap only where it will show whether that was enough. */
  #chooseReaches(): readonly number[] {
    const { overlapMs } = this.#resume;
    const reaches = WINDOWS.map((factor) => factor * overlapMs);
    const since = this.#recent.completeSince;
    if (since === undefined) return reaches;
    // Half of what is remembered: the other half is for clocks that differ.
    const short = Math.max(overlapMs * OVERLAP_PART_MIN, (this.#completeUntil - since) / 2);
    const isShorter = short < overlapMs && this.#expectedWithin(short).size > 0;
    return isShorter ? [short, ...reaches] : reaches;
  }

  /** Of the anchors, those that a window which reaches back so far should bring again. */
  #expectedWithin(reachMs: number): Set<string> {
    const recent = this.#completeUntil - reachMs / 2;
    return new Set(this.#anchors.filter(({ at }) => at >= recent).map(({ id }) => id));
  }

  /** Remembers a record that the server will still have when it is asked again. */
  #anchor(record: RecordView, id: string, at: number): void {
    const { duplicateHandling } = record;
    if (duplicateHandling !== 'unique' && duplicateHandling !== 'versioned') return;
    this.#anchors.push({ id, at });
    if (this.#anchors.length > ANCHORS_MAX) this.#anchors.shift();
  }
}

function event(value: SubscriptionEvent): Item<SubscriptionEvent> {
  return { value, record: undefined };
}
