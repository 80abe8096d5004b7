/**
 * Shares the bans that subjects earn: a new one is told at once, and what others told is asked for a few
 * times a second. A ban that cannot be told is told later, for as long as it lasts.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { RedisConnection, RedisReply } from '@mosaic-cluster/store/redis';
import type { EarnedBan } from './limiter.ts';
import type { LimiterClock } from './limiter-clock.ts';
import { BAN, PARDON, READ_BANS } from './limiter-redis-scripts.ts';
import type { PenaltyRules } from './penalty-rules.ts';
import type { SubjectName } from './subject.ts';

/** Bans in one answer, and told in one message. */
const PAGE = 1_000;
const TOLD_AT_ONCE = 100;

/** How bans are shared. */
export interface BanSyncOptions {
  readonly connection: RedisConnection;
  readonly base: string;
  readonly rules: PenaltyRules;
  readonly clock: LimiterClock;
  /** How often others are asked, in milliseconds. */
  readonly pollMs: number;
  readonly bansMax: number;
  /**
   * What holds for a subject.
   *
   * @param restMs how long it is banned yet; 0 or less: it was banned `count` times and no longer is,
   *   or was pardoned where that is 0
   */
  readonly onBan: (subject: SubjectName, count: number, restMs: number) => void;
  /** Bans in force that this process knows. */
  readonly known: () => readonly EarnedBan[];
}

/** Keeps bans in step. */
export class BanSync {
  /** Why bans are not shared at present. */
  fault: string | undefined;
  readonly #options: BanSyncOptions;
  readonly #key: Buffer;
  readonly #untold = new Map<SubjectName, EarnedBan>();
  #memory = 0;
  #version = 0;
  #timer: NodeJS.Timeout | undefined;
  #polling: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: BanSyncOptions) {
    this.#options = options;
    this.#key = Buffer.from(options.base);
  }

  /** Tells of a ban that this process imposed. */
  tell(ban: EarnedBan): void {
    if (this.#untold.size < this.#options.bansMax) this.#untold.set(ban.subject, ban);
    if (this.fault === undefined) void this.#tellUntold().catch((error) => this.#fail(error));
  }

  /** Asks what others know, and goes on asking. Never rejects. */
  async follow(): Promise<void> {
    await this.poll().catch(() => undefined);
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => void this.follow(), this.#options.pollMs).unref();
  }

  /** Asks what others know. @throws MosaicError of Redis */
  poll(): Promise<void> {
    return (this.#polling ??= this.#poll().finally(() => {
      this.#polling = undefined;
    }));
  }

  /** Ends a ban everywhere. @throws MosaicError of Redis */
  async pardon(subject: SubjectName): Promise<void> {
    this.#untold.delete(subject);
    const { connection } = this.#options;
    await connection.run([{ script: PARDON, key: this.#key, args: [subject] }]);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.#polling?.catch(() => undefined);
  }

  async #poll(): Promise<void> {
    try {
      while (await this.#readPage());
      await this.#tellUntold();
      this.fault = undefined;
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** @returns whether there is more */
  async #readPage(): Promise<boolean> {
    const { connection, onBan, known } = this.#options;
    const args = [this.#version, PAGE];
    const [reply] = await connection.run([{ script: READ_BANS, key: this.#key, args }]);
    const [memory, version, hasMore, ...changes] = reply as readonly RedisReply[];
    const isLost = this.#memory !== 0 && memory !== this.#memory;
    this.#memory = Number(memory);
    if (isLost) {
      // Redis was emptied: what this process knows is told again, and all that is there is read.
      this.#version = 0;
      for (const ban of known()) this.#untold.set(ban.subject, ban);
      return true;
    }
    for (let i = 0; i < changes.length; i += 3) {
      const subject = String(changes[i]);
      if (this.#untold.has(subject)) continue;
      onBan(subject, Number(changes[i + 1]), Number(changes[i + 2]) / 1_000);
    }
    this.#version = Number(version);
    return hasMore === 1;
  }

  async #tellUntold(): Promise<void> {
    const { connection, rules, clock, bansMax, onBan } = this.#options;
    while (this.#untold.size > 0) {
      const nowMs = clock.wallMs();
      const bans = [...this.#untold.values()].slice(0, TOLD_AT_ONCE);
      const replies = await connection.run(
        bans.map(({ subject, count, untilMs }) => ({
          script: BAN,
          key: this.#key,
          args: [
            subject,
            count,
            Math.max(1, Math.round((untilMs - nowMs) * 1_000)),
            rules.firstBanMs * 1_000,
            rules.longestBanMs * 1_000,
            rules.cleanMs * 1_000,
            bansMax,
          ],
        })),
      );
      bans.forEach((ban, n) => {
        if (this.#untold.get(ban.subject) !== ban) return;
        this.#untold.delete(ban.subject);
        const [count, rest] = replies[n] as readonly [number, number];
        if (count > 0) onBan(ban.subject, count, rest / 1_000);
      });
    }
  }

  #fail(error: unknown): unknown {
    this.fault = error instanceof MosaicError ? error.message : String(error);
    return error;
  }
}
