/**
 * The rules of who may come in: what operators say goes before what somebody earned, what is said of a
 * key before what is said of an address.
 */
import { RESULT, type ResultCode } from '@mosaic-cluster/protocol';
import type { AbuseControl, Arrival, TurnedAway, Visitor } from './abuse-control.ts';
import { type AbuseCounters, countTurnedAway, createAbuseCounters } from './abuse-counters.ts';
import { parseAddress } from './address-range.ts';
import type { BanBook } from './ban-book.ts';
import { ChargePurse } from './charge-purse.ts';
import type { EarnedBan, Limiter } from './limiter.ts';
import { OFFENCE_PRICES } from './offence-points.ts';
import { OpenVisitor, penalizePlaces, type VisitorContext } from './open-visitor.ts';
import { addressSubjects, keySubject, type SubjectName } from './subject.ts';

/** What abuse control goes by. */
export interface AbuseControlOptions {
  /** Whoever made it closes it. */
  readonly limiter: Limiter;
  /** Whoever made it closes it. */
  readonly bans: BanBook;
  /** False: budgets are off, to measure; bans stay. */
  readonly isLimiting?: boolean | undefined;
  /** The time in milliseconds since 1970. */
  readonly now?: (() => number) | undefined;
}

/** Abuse control, and its figures. */
export interface CountedAbuseControl extends AbuseControl {
  readonly counters: Readonly<AbuseCounters>;
  /** Bans of operators that are in force, or have ended lately. */
  readonly banCount: number;
}

/** Makes abuse control. */
export function createAbuseControl(options: AbuseControlOptions): CountedAbuseControl {
  return new Door(options);
}

/** Visitors looked at in one turn of the event loop when bans have changed. */
const VISITORS_PER_TURN = 1_000;

class Door implements CountedAbuseControl {
  readonly counters: AbuseCounters = createAbuseCounters();
  readonly #limiter: Limiter;
  readonly #bans: BanBook;
  readonly #now: () => number;
  readonly #context: VisitorContext;
  readonly #purse = new ChargePurse();
  /** Who is in, by each of their subjects; everybody has one of their address. */
  readonly #bySubject = new Map<SubjectName, Set<OpenVisitor>>();

  constructor({ limiter, bans, isLimiting = true, now = Date.now }: AbuseControlOptions) {
    this.#limiter = limiter;
    this.#bans = bans;
    this.#now = now;
    this.#context = {
      limiter,
      isLimiting,
      counters: this.counters,
      purse: this.#purse,
      gone: (visitor) => this.#forget(visitor),
    };
    limiter.onBan((ban) => this.#earned(ban));
    bans.onChange(() => this.#examine(this.#everybody()));
  }

  get banCount(): number {
    return this.#bans.banCount;
  }

  arrives(address: string): boolean {
    if (!this.#context.isLimiting) return true;
    const standing = this.#isAddressAllowed(address) ? 'registered' : 'anonymous';
    this.#purse.clear();
    for (const place of addressSubjects(address)) this.#purse.add(place, 'connects', standing, 1);
    const exceeded = this.#limiter.charge(this.#purse.charges);
    if (exceeded === undefined) return true;
    this.counters.exceeded[exceeded.what] += 1;
    this.#limiter.noteRefusal(exceeded.subject, exceeded.what);
    return false;
  }

  handshakeFailed(address: string): void {
    const offence = 'failed-handshake';
    this.counters.offences[offence] += 1;
    if (this.#isAddressAllowed(address)) return;
    const { points } = OFFENCE_PRICES[offence];
    penalizePlaces(this.#limiter, addressSubjects(address), points, offence);
  }

  admit(arrival: Arrival, banned: (away: TurnedAway) => void): Visitor | TurnedAway {
    const verdict = this.#judge(arrival);
    if (typeof verdict === 'object') return this.#counted(verdict);
    const isAllowed = verdict === 'allowed';
    const places = this.#placesOf(arrival.address);
    const visitor = new OpenVisitor(this.#context, arrival, places, isAllowed, banned);
    const exceeded = visitor.enter();
    if (exceeded !== undefined) {
      const untilMs = this.#now() + exceeded.retryAfterMs;
      return this.#counted({ result: RESULT.TOO_FAST, untilMs });
    }
    this.#remember(visitor);
    return visitor;
  }

  fault(): string | undefined {
    const faults = [this.#limiter.fault(), this.#bans.fault()];
    const said = faults.filter((fault) => fault !== undefined);
    return said.length === 0 ? undefined : said.join('; ');
  }

  /** Whether somebody may come in, or stay. */
  #judge({ address, key }: Arrival): 'allowed' | 'counted' | TurnedAway {
    const ofKey = key && this.#bans.ofKey(key);
    if (ofKey !== undefined) return ofKey.is === 'allowed' ? 'allowed' : byKey(ofKey.untilMs);
    const bytes = parseAddress(address);
    const ofAddress = bytes && this.#bans.ofAddress(bytes);
    if (ofAddress !== undefined) {
      return ofAddress.is === 'allowed' ? 'allowed' : byAddress(ofAddress.untilMs);
    }
    if (key !== undefined) {
      // It may be another one at the same address than who earned a ban there.
      const earned = this.#limiter.banOf(keySubject(key));
      return earned === undefined ? 'counted' : byKey(earned.untilMs);
    }
    for (const place of addressSubjects(address)) {
      const earned = this.#limiter.banOf(place);
      if (earned !== undefined) return byAddress(earned.untilMs);
    }
    return 'counted';
  }

  #isAddressAllowed(address: string): boolean {
    const bytes = parseAddress(address);
    return bytes !== undefined && this.#bans.ofAddress(bytes)?.is === 'allowed';
  }

  /** Somebody earned a ban, here or elsewhere. */
  #earned({ subject, untilMs }: EarnedBan): void {
    this.counters.earnedBans += 1;
    const isOfKey = subject.startsWith('k:');
    for (const visitor of this.#bySubject.get(subject) ?? []) {
      if (visitor.isAllowed) continue;
      if (isOfKey) visitor.turnAway(byKey(untilMs));
      else if (visitor.key === undefined) visitor.turnAway(byAddress(untilMs));
    }
  }

  /** Holds those who are in against changed bans, some in each turn. */
  #examine(visitors: Iterator<OpenVisitor>): void {
    for (let n = 0; n < VISITORS_PER_TURN; n++) {
      const next = visitors.next();
      if (next.done === true) return;
      const verdict = this.#judge(next.value);
      if (typeof verdict === 'object') next.value.turnAway(verdict);
      else next.value.setAllowed(verdict === 'allowed');
    }
    setImmediate(() => this.#examine(visitors));
  }

  #counted(away: TurnedAway): TurnedAway {
    countTurnedAway(this.counters, away);
    return away;
  }

  /** The subjects of an address, one list for all who share them. */
  #placesOf(address: string): readonly SubjectName[] {
    const places = addressSubjects(address);
    const [neighbour] = this.#bySubject.get(places[0]!) ?? [];
    return neighbour?.places ?? places;
  }

  *#everybody(): Generator<OpenVisitor> {
    for (const [subject, visitors] of this.#bySubject) {
      if (subject.startsWith('a:')) yield* visitors;
    }
  }

  #remember(visitor: OpenVisitor): void {
    for (const subject of subjectsOf(visitor)) {
      const some = this.#bySubject.get(subject);
      if (some === undefined) this.#bySubject.set(subject, new Set([visitor]));
      else some.add(visitor);
    }
  }

  #forget(visitor: OpenVisitor): void {
    for (const subject of subjectsOf(visitor)) {
      const some = this.#bySubject.get(subject);
      some?.delete(visitor);
      if (some?.size === 0) this.#bySubject.delete(subject);
    }
  }
}

function subjectsOf({ places, keySubject: ofKey }: OpenVisitor): readonly SubjectName[] {
  return ofKey === undefined ? places : [ofKey, ...places];
}

function byKey(untilMs: number | undefined): TurnedAway {
  return away(untilMs, RESULT.PUBKEY_TEMP_BANNED, RESULT.PUBKEY_PERM_BANNED);
}

function byAddress(untilMs: number | undefined): TurnedAway {
  return away(untilMs, RESULT.IP_TEMP_BANNED, RESULT.IP_PERM_BANNED);
}

function away(untilMs: number | undefined, forATime: ResultCode, forGood: ResultCode): TurnedAway {
  return { result: untilMs === undefined ? forGood : forATime, untilMs };
}
