/**
 * The accounts of one shard: those that wait to be told of, one call at a time. When a call fails or
 * takes too long the shard is away, and its accounts go by what this process knows.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { RedisConnection, RedisReply } from '@mosaic-cluster/store';
import type { Account } from './account.ts';
import type { AccountTable } from './account-table.ts';
import type { LimiterClock } from './limiter-clock.ts';
import { LIMITER_LIMIT_TABLE } from './limiter-limits.ts';
import { FILL_SLOT, LEAVE, READ_SUBJECT, TELL } from './limiter-redis-scripts.ts';
import { POINTS_SLOT, SLOT_COUNT } from './slot-sizes.ts';
import type { SubjectName } from './subject.ts';

const SUBJECTS_PER_CALL = LIMITER_LIMIT_TABLE.callSubjectsMax.value;
const WAITING_MAX = LIMITER_LIMIT_TABLE.waitingSubjectsMax.value;
const PATIENCE_MS = LIMITER_LIMIT_TABLE.patienceMs.value;
/** What a process may spend of a burst before it knows whether others do, and all that do together. */
const FIRST_SHARE = 0.03;
const COMPANY_SHARE = 0.06;
/** For how long a subject that no other process told of may spend unknown to others. */
const FREE_MS = 2_000;
/** For how long another process that told of a subject counts as company. */
const COMPANY_MS = 10_000;

/** How a shard is shared. */
export interface ShardOptions {
  readonly connection: RedisConnection;
  readonly clock: LimiterClock;
  readonly accounts: AccountTable;
  /** What stands before the shard's keys. */
  readonly base: string;
  /** 8 characters that no other process has. */
  readonly process: string;
  /** Told that accounts wait of which nobody said so. */
  readonly onWaiting: () => void;
  /** How long a process that says nothing counts as alive, in milliseconds. */
  readonly leaseMs: number;
}

/** What all processes together know of a subject. */
export interface SharedAccount {
  /** This process's own, or one that it does not keep. */
  readonly account: Account;
  /** What the others refused to it lately, by word. */
  readonly refused: ReadonlyMap<string, number>;
}

/** One shard. */
export class AccountShard {
  /** Why it is away. */
  fault: string | undefined;
  readonly #options: ShardOptions;
  readonly #number: number;
  readonly #key: Buffer;
  readonly #brief = new Set<Account>();
  readonly #long = new Set<Account>();
  #call: Promise<void> | undefined;

  constructor(options: ShardOptions, number: number) {
    this.#options = options;
    this.#number = number;
    this.#key = Buffer.from(options.base);
  }

  get isWaiting(): boolean {
    return this.#brief.size + this.#long.size > 0;
  }

  /** A subject that this process did not know. */
  meet(account: Account): void {
    account.share = FIRST_SHARE;
    account.freeUntilMs = this.fault === undefined ? 0 : Number.POSITIVE_INFINITY;
    this.await(account, 'briefly');
  }

  /** Has an account wait to be told of. */
  await(account: Account, waits: 'long' | 'briefly'): void {
    if (this.fault !== undefined || this.#brief.size + this.#long.size >= WAITING_MAX) return;
    if (account.waits === 'long') this.#long.delete(account);
    account.waits = waits;
    (waits === 'long' ? this.#long : this.#brief).add(account);
  }

  /** What waited long is told with the next batch. */
  promote(): void {
    for (const account of this.#long) {
      account.waits = 'briefly';
      this.#brief.add(account);
    }
    this.#long.clear();
  }

  /** Tells of those that wait, all of them. Never rejects. */
  tell(): Promise<void> {
    if (this.fault !== undefined || this.#brief.size === 0) return Promise.resolve();
    return (this.#call ??= this.#tellAll());
  }

  /** Says that this process lives; the way back for a shard that was away. Never rejects. */
  beat(): Promise<void> {
    return (this.#call ??= this.#attempt([]).finally(() => {
      this.#call = undefined;
    }));
  }

  /**
   * Learns what all processes together know of a subject.
   *
   * @throws MosaicError of Redis, or because it is away
   */
  async read(subject: SubjectName): Promise<SharedAccount> {
    const { process, leaseMs, connection, accounts, clock } = this.#options;
    await this.#call;
    this.promote();
    await this.tell();
    if (this.fault !== undefined) throw new MosaicError('unavailable', 'limiter-away', this.fault);
    const args = [subject, process, leaseMs * 1_000];
    const [reply] = await connection.run([{ script: READ_SUBJECT, key: this.#key, args }]);
    const found = reply as readonly RedisReply[];
    const levelsMs = new Float64Array(SLOT_COUNT);
    const end = readLevels(found, 3, Number(found[2]), levelsMs);
    const nowMs = clock.monotonicMs();
    const account = accounts.find(subject) ?? accounts.blank(subject, nowMs);
    account.heldElsewhere[0] = Number(found[0]);
    account.heldElsewhere[1] = Number(found[1]);
    account.settle(levelsMs, nowMs);
    const refused = new Map<string, number>();
    for (let i = end; i < found.length; i += 2) refused.set(String(found[i]), Number(found[i + 1]));
    return { account, refused };
  }

  /** Has all processes forget the points of a subject. @throws MosaicError of Redis */
  async forgive(subject: SubjectName): Promise<void> {
    const args = [subject, POINTS_SLOT];
    await this.#options.connection.run([{ script: FILL_SLOT, key: this.#key, args }]);
  }

  /** Tells what waits, and gives all places back. Never rejects. */
  async close(): Promise<void> {
    await this.#call;
    this.promote();
    await this.tell();
    if (this.fault !== undefined) return;
    const args = [this.#options.process];
    const left = this.#options.connection.run([{ script: LEAVE, key: this.#key, args }]);
    await left.catch(() => undefined);
  }

  async #tellAll(): Promise<void> {
    try {
      // What comes meanwhile waits for others to come.
      const all = [...this.#brief];
      for (let done = 0; done < all.length && this.fault === undefined; ) {
        const batch = all.slice(done, done + SUBJECTS_PER_CALL);
        done += batch.length;
        for (const account of batch) {
          this.#brief.delete(account);
          account.waits = 'not';
        }
        await this.#attempt(batch);
      }
    } finally {
      this.#call = undefined;
    }
  }

  /** One call. Never rejects: where it fails, the shard is away. */
  async #attempt(batch: readonly Account[]): Promise<void> {
    const { connection, process, leaseMs, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const args: (string | number)[] = [
      process,
      leaseMs * 1_000,
      // Places are told anew every four leases.
      leaseMs * 12_000,
      COMPANY_MS * 1_000,
    ];
    const told = batch.map((account) => addTo(args, account, nowMs));
    const late = setTimeout(() => this.#goAway(`no answer within ${PATIENCE_MS} ms`), PATIENCE_MS);
    try {
      const [reply] = await connection.run([{ script: TELL, key: this.#key, args }]);
      clearTimeout(late);
      this.#settle(batch, reply as readonly number[]);
    } catch (error) {
      // What was told may have arrived or not; told twice, it would be too much for the honest.
      batch.forEach((account, n) => {
        account.dropTelling();
        const { refused, isOfPlaces } = told[n]!;
        account.isHeldTold ||= isOfPlaces;
        for (const [word, count] of refused) account.noteRefusal(word, nowMs, count);
      });
      this.#goAway(error instanceof MosaicError ? error.message : String(error));
    } finally {
      clearTimeout(late);
    }
  }

  #settle(batch: readonly Account[], reply: readonly number[]): void {
    const nowMs = this.#options.clock.monotonicMs();
    const [wasKnown, living] = reply;
    const levelsMs = new Float64Array(SLOT_COUNT);
    let at = 2;
    for (const account of batch) {
      const isInCompany = reply[at] === 1;
      account.heldElsewhere[0] = reply[at + 1]!;
      account.heldElsewhere[1] = reply[at + 2]!;
      levelsMs.fill(0);
      at = readLevels(reply, at + 4, reply[at + 3]!, levelsMs);
      account.share = isInCompany ? COMPANY_SHARE / Math.max(2, living!) : FIRST_SHARE;
      account.freeUntilMs = isInCompany ? 0 : nowMs + FREE_MS;
      account.settle(levelsMs, nowMs);
    }
    if (this.fault !== undefined) this.#comeBack(nowMs);
    else if (wasKnown === 0) this.#tellHeld();
  }

  #goAway(why: string): void {
    const isNew = this.fault === undefined;
    this.fault = why;
    if (!isNew) return;
    for (const waiting of [this.#brief, this.#long]) {
      for (const account of waiting) account.waits = 'not';
      waiting.clear();
    }
    for (const account of this.#own()) {
      account.freeUntilMs = Number.POSITIVE_INFINITY;
      account.heldElsewhere.fill(0);
    }
  }

  #comeBack(nowMs: number): void {
    this.fault = undefined;
    for (const account of this.#own()) {
      account.freeUntilMs = Math.min(account.freeUntilMs, nowMs + FREE_MS);
      account.capUntold(nowMs);
      if (account.isUntold()) this.await(account, 'briefly');
    }
    this.#options.onWaiting();
  }

  /** Redis does not know this process: it was emptied, or took it for dead. */
  #tellHeld(): void {
    for (const account of this.#own()) if (account.isHolding()) this.await(account, 'briefly');
    this.#options.onWaiting();
  }

  *#own(): Iterable<Account> {
    for (const account of this.#options.accounts.values()) {
      if (account.shard === this.#number) yield account;
    }
  }
}

/** What was told of an account besides what it spent. */
interface Told {
  readonly refused: ReadonlyMap<string, number>;
  readonly isOfPlaces: boolean;
}

/** Adds what a call says of an account. */
function addTo(args: (string | number)[], account: Account, nowMs: number): Told {
  const spent = account.takeUntold();
  args.push(account.name, spent.length / 2, ...spent);
  const isOfPlaces = !account.isForgettable();
  args.push(isOfPlaces ? account.held.join(':') : '');
  account.isHeldTold = account.isHolding();
  const refused = account.refusedLately(nowMs);
  account.refused = undefined;
  args.push(refused.size);
  for (const [word, count] of refused) args.push(word, count);
  return { refused, isOfPlaces };
}

/** Reads `count` levels from a reply. @returns where they end */
function readLevels(
  reply: readonly RedisReply[],
  start: number,
  count: number,
  levelsMs: Float64Array,
): number {
  const end = start + 2 * count;
  for (let i = start; i < end; i += 2) levelsMs[Number(reply[i])] = Number(reply[i + 1]) / 1_000;
  return end;
}
