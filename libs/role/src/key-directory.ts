/**
 * Which keys belong to which master keys, by the key schedules held here. Submissions, logins and
 * every served record ask it, so the newest schedule of a master is kept in memory once read.
 *
 * Where other processes take schedules too, it hears of them on the bus, forgets everything when it may
 * have missed some, and believes nothing for long. While an index is not whole nobody can tell which
 * schedule is the newest: then only what is remembered is told, and everything else is refused.
 */
import type { Bus, LiveListener } from '@mosaic-cluster/bus';
import {
  compareBytes,
  equalBytes,
  type KeySchedule,
  KNOWN_KINDS,
  type PublicKey,
  type RecordView,
  type Reference,
  referenceKind,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import { IdentityMemory } from './identity-memory.ts';
import { keyName } from './key-name.ts';
import { addressAuthor } from './notified.ts';
import { PendingSchedules } from './pending-schedules.ts';
import { ScheduleLoads } from './schedule-loads.ts';
import { readTrusted, type ScheduleSource, ScheduleSources } from './schedule-sources.ts';
import { WeightedMap } from './weighted-map.ts';

/** How a directory is opened. */
export interface KeyDirectoryOptions {
  /**
   * For how long what was read is believed: 30 seconds by default where an index is shared, for ever
   * where all schedules come through this process.
   */
  readonly believedMs?: number;
  /** Milliseconds that never run backwards. */
  readonly monotonicMs?: () => number;
}

/** What is remembered of a master. */
interface Remembered {
  /** Null: it has no schedule. */
  readonly schedule: KeySchedule | null;
  readonly untilMs: number;
}

/** For how long what was read from a shared index is believed. */
const BELIEVED_MS = 30_000;
/** Masters remembered, those without a schedule included; then the oldest go. */
const MASTERS_MAX = 100_000;
/** Memory for remembered schedules. */
const SCHEDULE_BYTES_MAX = 64 * 1024 * 1024;
/** Memory that a remembered master takes beside the bytes of its schedule. */
const MASTER_BYTES = 256;
/** References of one record that are looked up to find whom it replies to. */
const REPLIES_MAX = 32;

/** Knows the newest key schedule of every master held here. */
export class KeyDirectory {
  /** Schedules on their way in; records that depend on them wait. */
  readonly pending: PendingSchedules = new PendingSchedules();
  readonly #sources: ScheduleSources;
  readonly #believedMs: number;
  readonly #monotonicMs: () => number;
  /** By master. */
  readonly #newest = new WeightedMap<Remembered>({
    entriesMax: MASTERS_MAX,
    weightMax: SCHEDULE_BYTES_MAX,
  });
  readonly #loads: ScheduleLoads;
  readonly #identities: IdentityMemory;

  /** @param sources empty where no public role is at hand: then only master keys sign */
  constructor(sources: readonly ScheduleSource[], options: KeyDirectoryOptions = {}) {
    this.#sources = new ScheduleSources(sources);
    const { isShared } = this.#sources;
    this.#believedMs = options.believedMs ?? (isShared ? BELIEVED_MS : Number.POSITIVE_INFINITY);
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now());
    this.#identities = new IdentityMemory(this.#monotonicMs);
    this.#loads = new ScheduleLoads({
      read: (master) => this.#readWhole(master),
      remember: (name, schedule) => this.#remember(name, schedule ?? null),
    });
  }

  /**
   * Hears of the key schedules that other processes take, until the listener is closed.
   *
   * @throws MosaicError `unavailable` where the bus cannot be reached
   */
  async listen(bus: Bus): Promise<LiveListener> {
    const listener = bus.listen(
      (records) => {
        for (const { record } of records) if (record.isKeySchedule) this.take(record);
        return records.map(() => 0);
      },
      () => this.forgetAll(),
    );
    try {
      await listener.add({ kind: KNOWN_KINDS['key-schedule'] });
    } catch (error) {
      listener.close();
      throw error;
    }
    // What was read before is from a time when nobody listened.
    this.forgetAll();
    return listener;
  }

  /** Forgets what is in memory: schedules may have come in unheard. */
  forgetAll(): void {
    this.#newest.clear();
    this.#identities.forgetAll();
    this.#loads.overtakeAll();
  }

  /**
   * Whether a record's signing key belongs to its author, as far as is in memory; undefined: ask
   * {@link admits}.
   */
  admitsNow(record: RecordView, receivedAt: Timestamp): boolean | undefined {
    if (record.signedByAuthor) return true;
    const known = this.#known(keyName(record.author));
    if (known === undefined) return undefined;
    return known.schedule?.admits(record.signingKey, record.timestamp, receivedAt) ?? false;
  }

  /**
   * Whether a record's signing key belongs to its author and is not revoked for this record.
   *
   * @param receivedAt when the record was received, or now for one that just comes in
   * @throws MosaicError where the storage cannot be read; `unavailable` (`index-not-whole`)
   */
  async admits(record: RecordView, receivedAt: Timestamp): Promise<boolean> {
    const known = this.admitsNow(record, receivedAt);
    if (known !== undefined) return known;
    const schedule = await this.newest(record.author);
    return schedule?.admits(record.signingKey, record.timestamp, receivedAt) ?? false;
  }

  /**
   * As {@link admits}; but it refuses only by what was read after it was asked: another process may
   * just have taken the schedule that admits the key.
   */
  async admitsFresh(record: RecordView, now: Timestamp): Promise<boolean> {
    if (!this.#sources.isShared) return this.admits(record, now);
    if (this.admitsNow(record, now) === true) return true;
    const isUnderWay = this.#loads.has(record.author);
    if (isUnderWay && (await this.admits(record, now))) return true;
    const schedule = await this.#loads.loadAfresh(record.author);
    return schedule?.admits(record.signingKey, record.timestamp, now) ?? false;
  }

  /**
   * Whether a proven key acts for a master; as with {@link admitsFresh}, it says no only by what was
   * read after it was asked.
   *
   * @throws MosaicError as {@link identities}
   */
  async actsForFresh(key: PublicKey, master: PublicKey): Promise<boolean> {
    const isListed = (keys: readonly PublicKey[]): boolean =>
      keys.some((each) => equalBytes(each, master));
    if (isListed(await this.identities(key))) return true;
    if (!this.#sources.isShared) return false;
    const schedule = await this.#loads.loadAfresh(master);
    if (schedule?.actsFor(key) !== true) return false;
    this.#identities.delete(keyName(key));
    return isListed(await this.identities(key));
  }

  /**
   * As {@link admits}, by what the indexes have, whole or not. For whoever makes them whole.
   *
   * @throws MosaicError where the storage cannot be read
   */
  async admitsByWhatIsHeld(record: RecordView, receivedAt: Timestamp): Promise<boolean> {
    if (record.signedByAuthor) return true;
    const schedule = await this.#sources.newest(record.author);
    return schedule?.admits(record.signingKey, record.timestamp, receivedAt) ?? false;
  }

  /**
   * The newest key schedule of a master; undefined: none is held.
   *
   * @throws MosaicError where the storage cannot be read; `unavailable` (`index-not-whole`)
   */
  async newest(master: PublicKey): Promise<KeySchedule | undefined> {
    const known = this.#known(keyName(master));
    if (known !== undefined) return known.schedule ?? undefined;
    return this.#loads.load(master);
  }

  /**
   * Takes note of a key schedule that the index now finds.
   *
   * @param record valid as a record and as a schedule; copied where it is kept
   */
  take(record: RecordView): void {
    const name = keyName(record.author);
    this.#identities.take(record);
    this.#loads.overtake(name);
    const known = this.#known(name);
    // Without a schedule in memory there may be a newer one in storage: let the next reader look.
    if (known === undefined) return this.#newest.delete(name);
    const { schedule } = known;
    if (schedule !== null && compareBytes(record.id, schedule.record.id) <= 0) return;
    this.#remember(name, readTrusted(record));
  }

  /**
   * The master keys that a proven key acts for, itself first.
   *
   * @throws MosaicError where the storage cannot be read; `unavailable` (`index-not-whole`)
   */
  async identities(key: PublicKey): Promise<readonly PublicKey[]> {
    const name = keyName(key);
    const known = this.#identities.get(name);
    if (known !== undefined) return known;
    const { version } = this.#identities;
    const untilMs = this.#monotonicMs() + this.#believedMs;
    const keys: PublicKey[] = [Uint8Array.from(key)];
    for (const master of await this.#sources.claimants(key)) {
      const schedule = await this.newest(master);
      if (schedule?.actsFor(key) && !equalBytes(master, key)) keys.push(master);
    }
    await this.#sources.assertWhole();
    this.#identities.set(name, keys, version, untilMs);
    return keys;
  }

  /**
   * The authors of what references name, as far as they are known: an address says it, an ID is
   * looked up. Of a long list only the first IDs count.
   *
   * @throws MosaicError where the storage cannot be read; `unavailable` (`index-not-whole`) where an ID
   *   that is not found may be there all the same
   */
  async authorsOf(references: readonly Reference[]): Promise<readonly PublicKey[]> {
    const authors: PublicKey[] = [];
    let ids: Reference[] = [];
    for (const reference of references) {
      if (referenceKind(reference) === 'address') authors.push(addressAuthor(reference)!);
      else if (ids.length < REPLIES_MAX) ids.push(reference);
    }
    for (const { index, log } of this.#sources.all) {
      if (ids.length === 0) break;
      const entries = await index.lookup(ids);
      const found = entries.filter((entry) => entry !== undefined);
      for (const { record } of await log.read(found.map(({ location }) => location))) {
        authors.push(record.author);
      }
      ids = ids.filter((_, i) => entries[i] === undefined);
    }
    if (ids.length > 0) await this.#sources.assertWhole();
    return authors;
  }

  async #readWhole(master: PublicKey): Promise<KeySchedule | undefined> {
    const found = await this.#sources.newest(master);
    await this.#sources.assertWhole();
    return found;
  }

  #known(name: string): Remembered | undefined {
    const known = this.#newest.get(name);
    return known !== undefined && this.#monotonicMs() < known.untilMs ? known : undefined;
  }

  #remember(name: string, schedule: KeySchedule | null): void {
    const bytes = schedule === null ? 0 : 2 * schedule.record.bytes.length;
    const untilMs = this.#monotonicMs() + this.#believedMs;
    this.#newest.set(name, { schedule, untilMs }, MASTER_BYTES + bytes);
  }
}
