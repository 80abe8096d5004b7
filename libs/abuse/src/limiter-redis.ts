/**
 * The limiter that several processes share. It decides from memory, as the limiter of one process does;
 * what was spent, held and earned is told to the others over Redis, and learnt from them, a few times a
 * second. While Redis is away each process goes by what it knows.
 */
import { randomBytes } from 'node:crypto';
import type { RedisConnection } from '@mosaic-cluster/store/redis';
import { AccountSync } from './account-sync.ts';
import { BanSync } from './ban-sync.ts';
import type {
  Charge,
  EarnedBan,
  Exceeded,
  HoldingName,
  Limiter,
  SubjectReport,
  Usage,
} from './limiter.ts';
import { systemClock } from './limiter-clock.ts';
import { LIMITER_LIMIT_TABLE as LIMITS } from './limiter-limits.ts';
import { type LimiterOptions, MemoryLimiter } from './limiter-memory.ts';
import type { Standing, SubjectName } from './subject.ts';

/** How a shared limiter is made. */
export interface RedisLimiterOptions extends LimiterOptions {
  /** It stays open when the limiter is closed. */
  readonly connection: RedisConnection;
  /** Those of the same name share; undefined: `limits`. */
  readonly name?: string | undefined;
  /** Into how many parts subjects are spread over a Redis Cluster; the same in every process. Undefined: 8. */
  readonly shards?: number | undefined;
  /** How long what was spent waits for more to be told with it, in milliseconds; undefined: 50. */
  readonly tellMs?: number | undefined;
  /** How often the bans of others are asked for, in milliseconds; undefined: 250. */
  readonly pollMs?: number | undefined;
  /** For how long a process that died holds its places, in milliseconds; undefined: 15,000. */
  readonly leaseMs?: number | undefined;
}

/**
 * A limiter that shares what it knows with all others of its name. It opens also while Redis is away.
 *
 * @throws MosaicError `invalid` (`penalty-rules`)
 */
export async function openRedisLimiter(options: RedisLimiterOptions): Promise<Limiter> {
  const limiter = new RedisLimiter(options);
  await limiter.open();
  return limiter;
}

/** How much the end of a ban may differ, by the way to Redis and back, without being another. */
const NEWS_MS = 250;

class RedisLimiter implements Limiter {
  readonly #local: MemoryLimiter;
  readonly #accounts: AccountSync;
  readonly #bans: BanSync;

  constructor(options: RedisLimiterOptions) {
    const { connection, name = 'limits', shards = 8, tellMs = 50, pollMs = 250 } = options;
    const { leaseMs = 15_000, clock = systemClock, bansMax = LIMITS.bansMax.value } = options;
    this.#local = new MemoryLimiter(options, {
      opened: (account) => this.#accounts.opened(account),
      spent: (account, slot) => this.#accounts.spent(account, slot),
      heldChanged: (account) => this.#accounts.heldChanged(account),
      refused: (account) => this.#accounts.refused(account),
      banned: (ban) => this.#bans.tell(ban),
    });
    const baseOf = (part: string | number): string => `${connection.keyPrefix}{${name}:${part}}`;
    this.#accounts = new AccountSync({
      connection,
      clock,
      accounts: this.#local.accounts,
      bases: Array.from({ length: shards }, (_, shard) => baseOf(shard)),
      process: randomBytes(6).toString('base64url'),
      leaseMs,
      tellMs,
    });
    this.#bans = new BanSync({
      connection,
      clock,
      base: baseOf('bans'),
      rules: this.#local.rules,
      pollMs,
      bansMax,
      onBan: (subject, count, restMs) => this.#learn(subject, count, restMs),
      known: () => this.#local.earned.list(bansMax),
    });
  }

  /** Learns the bans in force, if Redis answers. */
  open(): Promise<void> {
    return this.#bans.follow();
  }

  charge(charges: readonly Charge[]): Exceeded | undefined {
    return this.#local.charge(charges);
  }

  spend(charges: readonly Charge[]): void {
    this.#local.spend(charges);
  }

  allows(charges: readonly Charge[]): Exceeded | undefined {
    return this.#local.allows(charges);
  }

  refund(charges: readonly Charge[]): void {
    this.#local.refund(charges);
  }

  hold(
    subjects: readonly SubjectName[],
    what: HoldingName,
    standing: Standing,
  ): Exceeded | undefined {
    return this.#local.hold(subjects, what, standing);
  }

  release(subjects: readonly SubjectName[], what: HoldingName): void {
    this.#local.release(subjects, what);
  }

  penalize(subject: SubjectName, points: number, word: string): EarnedBan | undefined {
    return this.#local.penalize(subject, points, word);
  }

  noteRefusal(subject: SubjectName, word: string): void {
    this.#local.noteRefusal(subject, word);
  }

  banOf(subject: SubjectName): EarnedBan | undefined {
    return this.#local.banOf(subject);
  }

  onBan(told: (ban: EarnedBan) => void): void {
    this.#local.onBan(told);
  }

  async pardon(subject: SubjectName): Promise<void> {
    this.#local.forgive(subject);
    await Promise.all([this.#bans.pardon(subject), this.#accounts.forgive(subject)]);
  }

  async report(subject: SubjectName, standing: Standing): Promise<SubjectReport> {
    const [shared] = await Promise.all([
      this.#accounts.read(subject).catch(() => undefined),
      this.#bans.poll().catch(() => undefined),
    ]);
    return this.#local.report(subject, standing, shared);
  }

  busiest(count: number): Promise<readonly Usage[]> {
    return this.#local.busiest(count);
  }

  async bans(): Promise<readonly EarnedBan[]> {
    await this.#bans.poll().catch(() => undefined);
    return this.#local.bans();
  }

  fault(): string | undefined {
    const why = this.#accounts.fault() ?? this.#bans.fault;
    return why && `limits hold for this process alone: ${why}`;
  }

  async close(): Promise<void> {
    await Promise.all([this.#accounts.close(), this.#bans.close()]);
  }

  /** Takes over what all processes together know of a subject's bans. */
  #learn(subject: SubjectName, count: number, restMs: number): void {
    const known = this.#local.banOf(subject);
    if (count === 0) {
      this.#local.forgive(subject);
      return;
    }
    const ban = this.#local.earned.set(subject, count, restMs);
    if (restMs <= 0 || ban === undefined) return;
    this.#local.accounts.find(subject)?.forgive();
    const isNews = known === undefined || Math.abs(known.untilMs - ban.untilMs) > NEWS_MS;
    if (isNews) this.#local.tell(ban);
  }
}
