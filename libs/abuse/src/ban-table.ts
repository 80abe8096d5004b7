/** The bans that subjects earned, and how many each had lately. */
import type { EarnedBan } from './limiter.ts';
import type { LimiterClock } from './limiter-clock.ts';
import { banLengthMs, type PenaltyRules } from './penalty-rules.ts';
import type { SubjectName } from './subject.ts';

/** Bans looked at for each that comes, when there is no room. */
const LOOKS_FOR_ROOM = 64;

interface Entry {
  readonly ban: EarnedBan;
  /** By the monotonic clock. */
  readonly endsAtMs: number;
}

/** Bans by subject. */
export class BanTable {
  readonly #entries = new Map<SubjectName, Entry>();
  readonly #rules: PenaltyRules;
  readonly #clock: LimiterClock;
  readonly #most: number;
  #sweep: Iterator<[SubjectName, Entry]> | undefined;

  /** @param most bans and memories of bans at a time; beyond it none that is in force gives way */
  constructor(rules: PenaltyRules, clock: LimiterClock, most: number) {
    this.#rules = rules;
    this.#clock = clock;
    this.#most = most;
  }

  /** The ban that is in force. */
  find(subject: SubjectName): EarnedBan | undefined {
    const entry = this.#entries.get(subject);
    return entry !== undefined && entry.endsAtMs > this.#clock.monotonicMs()
      ? entry.ban
      : undefined;
  }

  /**
   * Bans a subject that is not banned, for twice as long as the last time.
   *
   * @returns undefined: there are too many bans
   */
  impose(subject: SubjectName): EarnedBan | undefined {
    const last = this.#entries.get(subject);
    const isClean = last === undefined || this.#isForgotten(last, this.#clock.monotonicMs());
    const count = isClean ? 1 : last.ban.count + 1;
    return this.set(subject, count, banLengthMs(this.#rules, count));
  }

  /** Takes over a ban, or the memory of one where the rest is below 0. */
  set(subject: SubjectName, count: number, restMs: number): EarnedBan | undefined {
    const nowMs = this.#clock.monotonicMs();
    if (!this.#entries.has(subject) && !this.#makeRoom(nowMs)) return undefined;
    const ban = { subject, untilMs: Math.ceil(this.#clock.wallMs() + restMs), count };
    this.#entries.set(subject, { ban, endsAtMs: nowMs + restMs });
    return ban;
  }

  /** Ends a ban and forgets it. */
  remove(subject: SubjectName): void {
    this.#entries.delete(subject);
  }

  /** Those in force, the longest first. */
  list(most: number): EarnedBan[] {
    const nowMs = this.#clock.monotonicMs();
    const inForce = [...this.#entries.values()].filter(({ endsAtMs }) => endsAtMs > nowMs);
    inForce.sort((one, other) => other.endsAtMs - one.endsAtMs);
    return inForce.slice(0, most).map(({ ban }) => ban);
  }

  #isForgotten({ endsAtMs }: Entry, nowMs: number): boolean {
    return endsAtMs + this.#rules.cleanMs <= nowMs;
  }

  #makeRoom(nowMs: number): boolean {
    if (this.#entries.size < this.#most) return true;
    for (let looks = LOOKS_FOR_ROOM; looks > 0; looks--) {
      const [subject, entry] = this.#next();
      if (entry.endsAtMs <= nowMs) return this.#entries.delete(subject);
    }
    return false;
  }

  #next(): [SubjectName, Entry] {
    const next = this.#sweep?.next();
    if (next !== undefined && next.done !== true) return next.value;
    this.#sweep = this.#entries.entries();
    return this.#sweep.next().value!;
  }
}
