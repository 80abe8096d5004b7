/**
 * Tells the other processes what subjects spent here, and learns what they spent elsewhere: in batches,
 * a shard of the subjects at a time, sooner where a good part of a budget was spent. While Redis does
 * not answer nothing is told and nothing waits; afterwards what has not come back by then is.
 */
import type { Account } from './account.ts';
import type { SubjectName } from './subject.ts';
import { AccountShard, type SharedAccount, type ShardOptions } from './account-shard.ts';

/** Of a burst: what is told with the next batch, and what is told at once. */
const BRIEF_PART = 0.01;
const HURRY_PART = 0.025;
/** How long the little that a subject spent may wait, and a batch that is in a hurry. */
const LONG_MS = 1_000;
const HURRY_MS = 5;
/** How often a shard that is away is tried. */
const TICK_MS = 250;
/** Of how many beats, three in a lease, one tells anew what places are held. */
const HELD_BEATS = 12;

/** How accounts are shared. */
export interface AccountSyncOptions extends Omit<ShardOptions, 'base' | 'onWaiting'> {
  /** By shard: what stands before its keys. */
  readonly bases: readonly string[];
  /** How long what was spent waits for more, in milliseconds. */
  readonly tellMs: number;
}

/** Keeps accounts in step. */
export class AccountSync {
  readonly #options: AccountSyncOptions;
  readonly #shards: readonly AccountShard[];
  #timer: NodeJS.Timeout | undefined;
  #isHurried = false;
  readonly #ticks: NodeJS.Timeout;
  #beats = 0;
  #beatAtMs = 0;
  #longAtMs = 0;
  #isClosed = false;

  constructor(options: AccountSyncOptions) {
    this.#options = options;
    const onWaiting = (): void => this.#schedule();
    this.#shards = options.bases.map(
      (base, at) => new AccountShard({ ...options, base, onWaiting }, at),
    );
    const tickMs = Math.min(TICK_MS, options.leaseMs / 6);
    this.#ticks = setInterval(() => this.#onTick(), tickMs).unref();
  }

  /** A subject that this process did not know: what others know of it is asked for at once. */
  opened(account: Account): void {
    account.shard = shardOf(account.name, this.#shards.length);
    this.#shards[account.shard]!.meet(account);
    this.#hurry();
  }

  spent(account: Account, slot: number): void {
    const part = account.untoldPart(slot);
    if (part < BRIEF_PART) {
      if (account.waits !== 'not' || part === 0) return;
      this.#shards[account.shard]!.await(account, 'long');
      this.#schedule();
      return;
    }
    if (account.waits !== 'briefly') this.#shards[account.shard]!.await(account, 'briefly');
    if (part >= HURRY_PART) this.#hurry();
    else this.#schedule();
  }

  heldChanged(account: Account): void {
    if (account.waits !== 'briefly') this.#shards[account.shard]!.await(account, 'briefly');
    if (account.freeUntilMs === 0) this.#hurry();
    else this.#schedule();
  }

  refused(account: Account): void {
    if (account.waits === 'not') this.#shards[account.shard]!.await(account, 'long');
    this.#schedule();
  }

  /**
   * Learns what all processes together know of a subject.
   *
   * @throws MosaicError of Redis, or because it is away
   */
  read(subject: SubjectName): Promise<SharedAccount> {
    return this.#shardFor(subject).read(subject);
  }

  /** Has all processes forget the points of a subject. @throws MosaicError of Redis */
  forgive(subject: SubjectName): Promise<void> {
    return this.#shardFor(subject).forgive(subject);
  }

  fault(): string | undefined {
    for (const shard of this.#shards) if (shard.fault !== undefined) return shard.fault;
    return undefined;
  }

  /** Tells what was not told, gives all places back, and stops. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#ticks);
    clearTimeout(this.#timer);
    await Promise.all(this.#shards.map((shard) => shard.close()));
  }

  #shardFor(subject: SubjectName): AccountShard {
    return this.#shards[shardOf(subject, this.#shards.length)]!;
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#isClosed) return;
    this.#timer = setTimeout(() => this.#tell(), this.#options.tellMs).unref();
  }

  #hurry(): void {
    if (this.#isHurried || this.#isClosed) return;
    this.#isHurried = true;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#tell(), HURRY_MS).unref();
  }

  #tell(): void {
    this.#timer = undefined;
    this.#isHurried = false;
    const nowMs = this.#options.clock.monotonicMs();
    const isLong = nowMs - this.#longAtMs >= LONG_MS;
    if (isLong) this.#longAtMs = nowMs;
    let isWaiting = false;
    for (const shard of this.#shards) {
      if (isLong) shard.promote();
      void shard.tell();
      isWaiting ||= shard.isWaiting;
    }
    if (isWaiting) this.#schedule();
  }

  /** Looks whether a shard that was away is back, and says from time to time that the process lives. */
  #onTick(): void {
    const { leaseMs, accounts, clock } = this.#options;
    for (const shard of this.#shards) if (shard.fault !== undefined) void shard.beat();
    const nowMs = clock.monotonicMs();
    if (nowMs < this.#beatAtMs || accounts.size === 0) return;
    this.#beatAtMs = nowMs + leaseMs / 3;
    this.#beats += 1;
    if (this.#beats % HELD_BEATS === 0) {
      for (const account of accounts.values()) if (account.isHolding()) this.heldChanged(account);
    }
    for (const shard of this.#shards) void shard.beat();
  }
}

/** FNV-1a of the name, the same in every process. */
function shardOf(name: SubjectName, shards: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % shards;
}
