/** One connection's budgets, penalties and bans. */
import type { PublicKey } from '@mosaic-cluster/protocol';
import type { Arrival, Offence, TurnedAway, Visitor } from './abuse-control.ts';
import { type AbuseCounters, countTurnedAway } from './abuse-counters.ts';
import { queryCost } from './budget-table.ts';
import type { ChargePurse } from './charge-purse.ts';
import type { BudgetName, Exceeded, Limiter } from './limiter.ts';
import {
  ADDRESS_SHARE,
  NETWORK_SHARE,
  OFFENCE_PRICES,
  PROBATION_POINTS,
  PROBATION_PRICE,
} from './offence-points.ts';
import { keySubject, type Standing, type SubjectName } from './subject.ts';

/** What all visitors share. */
export interface VisitorContext {
  readonly limiter: Limiter;
  /** False: budgets are off, to measure. */
  readonly isLimiting: boolean;
  readonly counters: AbuseCounters;
  readonly purse: ChargePurse;
  /** Told when one is gone. */
  readonly gone: (visitor: OpenVisitor) => void;
}

let visitors = 0;

/** One visitor. */
export class OpenVisitor implements Visitor {
  readonly address: string;
  readonly key: PublicKey | undefined;
  /** Of its address, the narrower first. */
  readonly places: readonly SubjectName[];
  readonly keySubject: SubjectName | undefined;
  /** Tells those apart who come from a place that may be many. */
  readonly #number = (visitors += 1);
  readonly #context: VisitorContext;
  readonly #banned: (away: TurnedAway) => void;
  #isAllowed: boolean;
  #standing: Standing;
  #subscriptions = 0;
  #isHolding = false;
  #isGone = false;

  /**
   * @param places of its address, the narrower first
   * @param isAllowed its key or address is on the allow list
   * @param banned called at most once
   */
  constructor(
    context: VisitorContext,
    { address, key, standing }: Arrival,
    places: readonly SubjectName[],
    isAllowed: boolean,
    banned: (away: TurnedAway) => void,
  ) {
    this.#context = context;
    this.address = address;
    this.key = key;
    this.places = places;
    this.keySubject = key && keySubject(key);
    this.#isAllowed = isAllowed;
    this.#banned = banned;
    this.#standing = key === undefined ? 'anonymous' : (standing ?? 'authenticated');
  }

  get standing(): Standing {
    return this.#isAllowed ? 'registered' : this.#standing;
  }

  get sharesAs(): SubjectName {
    const isKnown = this.standing === 'attested' || this.standing === 'registered';
    if (isKnown && this.keySubject !== undefined) return this.keySubject;
    const place = this.places.at(-1)!;
    return this.#isAllowed ? `${place} ${this.#number}` : place;
  }

  /** No ban that somebody earned concerns it. */
  get isAllowed(): boolean {
    return this.#isAllowed;
  }

  setStanding(standing: Standing): void {
    this.#standing = standing;
  }

  /** The allow list says something else. */
  setAllowed(isAllowed: boolean): void {
    this.#isAllowed = isAllowed;
  }

  /** Takes a place, and pays for the connection with its key. Undefined: it may come in. */
  enter(): Exceeded | undefined {
    const { limiter, isLimiting, purse } = this.#context;
    if (!isLimiting) return undefined;
    if (this.keySubject !== undefined) {
      purse.clear().add(this.keySubject, 'connects', this.standing, 1);
      const exceeded = limiter.charge(purse.charges);
      if (exceeded !== undefined) return this.#exceeded(exceeded);
    }
    const exceeded = limiter.hold(this.#holders(), 'connections', this.standing);
    if (exceeded !== undefined) return this.#exceeded(exceeded);
    this.#isHolding = true;
    return undefined;
  }

  message(bytes: number): boolean {
    return this.#pay('messages', 1, bytes);
  }

  mayReceive(): boolean {
    const exceeded = this.#debtOf('bytes');
    return exceeded === undefined || this.#refused(exceeded);
  }

  wasted(bytes: number): void {
    this.#spend('bytes', bytes);
  }

  submission(): boolean {
    return this.#pay('submissions', 1, 0);
  }

  submitsMore(count: number): void {
    this.#spend('submissions', count);
  }

  mayQuery(): boolean {
    const exceeded = this.#debtOf('query');
    return exceeded === undefined || this.#refused(exceeded);
  }

  owesForQueries(): boolean {
    return this.#debtOf('query') !== undefined;
  }

  queried(scanned: number, bytes: number): void {
    this.#spend('query', queryCost(scanned, bytes));
  }

  subscribe(places: number): boolean {
    const { limiter, isLimiting } = this.#context;
    if (!isLimiting) return true;
    const holders = this.#holders();
    for (let taken = 0; taken < places; taken++) {
      const exceeded = limiter.hold(holders, 'subscriptions', this.standing);
      if (exceeded === undefined) {
        this.#subscriptions += 1;
        continue;
      }
      this.unsubscribe(taken);
      return this.#refused(exceeded);
    }
    return true;
  }

  unsubscribe(places: number): void {
    const holders = this.#holders();
    const given = Math.min(places, this.#subscriptions);
    this.#subscriptions -= given;
    for (let n = 0; n < given; n++) this.#context.limiter.release(holders, 'subscriptions');
  }

  offended(offence: Offence): void {
    this.#penalize(offence, this.keySubject);
  }

  /** @param key the key that did it, if any: where it only shares an address with who did, none */
  #penalize(offence: Offence, key: SubjectName | undefined): void {
    const { counters, limiter } = this.#context;
    counters.offences[offence] += 1;
    if (this.#isGone || this.#isAllowed) return;
    const price = OFFENCE_PRICES[offence].points;
    const points = this.#isSuspect() ? PROBATION_POINTS * price : price;
    if (key !== undefined) limiter.penalize(key, points, offence);
    const share = this.keySubject === undefined ? 1 : ADDRESS_SHARE;
    penalizePlaces(limiter, this.places, points * share, offence);
  }

  /** Has it go. */
  turnAway(away: TurnedAway): void {
    if (this.#isGone) return;
    this.close();
    countTurnedAway(this.#context.counters, away);
    this.#banned(away);
  }

  close(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const { limiter, gone } = this.#context;
    this.unsubscribe(this.#subscriptions);
    if (this.#isHolding) limiter.release(this.#holders(), 'connections');
    gone(this);
  }

  #debtOf(budget: BudgetName): Exceeded | undefined {
    const { limiter, isLimiting, purse } = this.#context;
    if (!isLimiting) return undefined;
    purse.clear();
    this.#charge(budget, 0);
    return limiter.allows(purse.charges);
  }

  #pay(budget: BudgetName, amount: number, bytes: number): boolean {
    const { limiter, isLimiting, purse } = this.#context;
    if (!isLimiting) return true;
    purse.clear();
    this.#charge(budget, amount);
    if (bytes > 0) this.#charge('bytes', bytes);
    const exceeded = limiter.charge(purse.charges);
    return exceeded === undefined || this.#refused(exceeded);
  }

  /** Pays for what cannot be refused any more. */
  #spend(budget: BudgetName, amount: number): void {
    const { limiter, isLimiting, purse } = this.#context;
    if (!isLimiting) return;
    purse.clear();
    this.#charge(budget, amount);
    limiter.spend(purse.charges);
  }

  /** Charges its key and its address, that of a stranger alone. */
  #charge(budget: BudgetName, amount: number): void {
    const { purse } = this.#context;
    if (this.keySubject !== undefined) purse.add(this.keySubject, budget, this.standing, amount);
    const isOnProbation = this.#isOnProbation();
    const standing = isOnProbation ? 'anonymous' : this.standing;
    const price = isOnProbation ? amount * PROBATION_PRICE : amount;
    for (const place of this.places) purse.add(place, budget, standing, price);
  }

  /** Whether it is somebody whom nobody knows, from an address that earned a ban. */
  #isOnProbation(): boolean {
    return this.standing === 'authenticated' && this.#isAtBannedPlace();
  }

  /** Whether it may be the one who earned its address a ban: where everybody is served, anybody can be attested. */
  #isSuspect(): boolean {
    return this.key !== undefined && this.standing !== 'registered' && this.#isAtBannedPlace();
  }

  #isAtBannedPlace(): boolean {
    const { limiter } = this.#context;
    return this.places.some((place) => limiter.banOf(place) !== undefined);
  }

  #holders(): readonly SubjectName[] {
    return this.keySubject === undefined ? this.places : [this.keySubject, ...this.places];
  }

  #refused(exceeded: Exceeded): false {
    this.#exceeded(exceeded);
    // What others at its address have spent is no fault of a key.
    const isOwn = exceeded.subject === this.keySubject;
    this.#penalize('over-budget', isOwn ? this.keySubject : undefined);
    return false;
  }

  #exceeded(exceeded: Exceeded): Exceeded {
    const { limiter, counters } = this.#context;
    counters.exceeded[exceeded.what] += 1;
    limiter.noteRefusal(exceeded.subject, exceeded.what);
    return exceeded;
  }
}

/** Penalizes an address and, less, the network around it. */
export function penalizePlaces(
  limiter: Limiter,
  places: readonly SubjectName[],
  points: number,
  offence: Offence,
): void {
  const [own, network] = places;
  if (own !== undefined) limiter.penalize(own, points, offence);
  if (network !== undefined) limiter.penalize(network, points * NETWORK_SHARE, offence);
}
