/**
 * Which keys belong to which master keys, by the key schedules held here. Submissions, logins and
 * every served record ask it, so the newest schedule of a master is kept in memory once read.
 */
import {
  compareBytes,
  equalBytes,
  type KeySchedule,
  KNOWN_KINDS,
  parseKeySchedule,
  type PublicKey,
  type RecordView,
  type Reference,
  referenceKind,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import type { LogEntry, RecordIndex, SegmentLog } from '@mosaic-cluster/store';
import { keyName } from './key-name.ts';
import { addressAuthor } from './notified.ts';
import { PendingSchedules } from './pending-schedules.ts';
import { WeightedMap } from './weighted-map.ts';

/** Where key schedules are held: a role that keeps records for everybody. */
export interface ScheduleSource {
  readonly index: RecordIndex;
  readonly log: SegmentLog;
}

/** Masters remembered, those without a schedule included; then the oldest go. */
const MASTERS_MAX = 100_000;
/** Memory for remembered schedules. */
const SCHEDULE_BYTES_MAX = 64 * 1024 * 1024;
/** Memory that a remembered master takes beside the bytes of its schedule. */
const MASTER_BYTES = 256;
/** Connection keys whose masters are remembered. */
const IDENTITIES_MAX = 100_000;
/** Masters that one key acts for: each of them has an attestation that the key itself made. */
const MASTERS_PER_KEY_MAX = 16;
/** Key schedules looked at for one key, newest first: a master can write many. */
const CLAIMS_MAX = 256;
/** References of one record that are looked up to find whom it replies to. */
const REPLIES_MAX = 32;

const NO_HASH = new Uint8Array(0);
/** A schedule from storage was checked when it came in. */
const TRUSTED = {
  hash: () => NO_HASH,
  verify: () => true,
  keyFault: () => undefined,
} as const;

/** Knows the newest key schedule of every master held here. */
export class KeyDirectory {
  /** Schedules on their way in; records that depend on them wait. */
  readonly pending: PendingSchedules = new PendingSchedules();
  readonly #sources: readonly ScheduleSource[];
  /** By master; null: it has no schedule. */
  readonly #newest = new WeightedMap<KeySchedule | null>({
    entriesMax: MASTERS_MAX,
    weightMax: SCHEDULE_BYTES_MAX,
  });
  /** Schedules being read, by master. One that is overtaken is taken out and not remembered. */
  readonly #loads = new Map<string, Promise<KeySchedule | undefined>>();
  /** By connection key. Emptied whenever a schedule comes in: that is rare. */
  readonly #identities = new WeightedMap<readonly PublicKey[]>({
    entriesMax: IDENTITIES_MAX,
    weightMax: Number.POSITIVE_INFINITY,
  });
  /** Grows with every schedule taken: what was found out before is not remembered. */
  #version = 0;

  /** @param sources empty where no public role is at hand: then only master keys sign */
  constructor(sources: readonly ScheduleSource[]) {
    this.#sources = sources;
  }

  /**
   * Whether a record's signing key belongs to its author, as far as is in memory; undefined: ask
   * {@link admits}.
   */
  admitsNow(record: RecordView, receivedAt: Timestamp): boolean | undefined {
    if (record.signedByAuthor) return true;
    const schedule = this.#newest.get(keyName(record.author));
    if (schedule === undefined) return undefined;
    return schedule?.admits(record.signingKey, record.timestamp, receivedAt) ?? false;
  }

  /**
   * Whether a record's signing key belongs to its author and is not revoked for this record.
   *
   * @param receivedAt when the record was received, or now for one that just comes in
   * @throws MosaicError where the storage cannot be read
   */
  async admits(record: RecordView, receivedAt: Timestamp): Promise<boolean> {
    const known = this.admitsNow(record, receivedAt);
    if (known !== undefined) return known;
    const schedule = await this.newest(record.author);
    return schedule?.admits(record.signingKey, record.timestamp, receivedAt) ?? false;
  }

  /**
   * The newest key schedule of a master; undefined: none is held.
   *
   * @throws MosaicError where the storage cannot be read
   */
  async newest(master: PublicKey): Promise<KeySchedule | undefined> {
    const name = keyName(master);
    const known = this.#newest.get(name);
    if (known !== undefined) return known ?? undefined;
    const underWay = this.#loads.get(name);
    if (underWay !== undefined) return underWay;
    const load = this.#read(master);
    this.#loads.set(name, load);
    try {
      const found = await load;
      if (this.#loads.get(name) === load) this.#remember(name, found ?? null);
      return found;
    } finally {
      if (this.#loads.get(name) === load) this.#loads.delete(name);
    }
  }

  /**
   * Takes note of a key schedule that the index now finds.
   *
   * @param record valid as a record and as a schedule; copied where it is kept
   */
  take(record: RecordView): void {
    const name = keyName(record.author);
    this.#version += 1;
    this.#identities.clear();
    this.#loads.delete(name);
    const known = this.#newest.get(name);
    // Without a schedule in memory there may be a newer one in storage: let the next reader look.
    if (known === undefined) return;
    if (known !== null && compareBytes(record.id, known.record.id) <= 0) return;
    this.#remember(name, readTrusted(record));
  }

  /** The master keys that a proven key acts for, itself first. */
  async identities(key: PublicKey): Promise<readonly PublicKey[]> {
    const name = keyName(key);
    const known = this.#identities.get(name);
    if (known !== undefined) return known;
    const version = this.#version;
    const masters: PublicKey[] = [Uint8Array.from(key)];
    for (const master of await this.#claimants(key)) {
      const schedule = await this.newest(master);
      if (schedule?.actsFor(key) && !equalBytes(master, key)) masters.push(master);
    }
    if (version === this.#version) this.#identities.set(name, masters, 1);
    return masters;
  }

  /**
   * The authors of what references name, as far as they are known: an address says it, an ID is
   * looked up. Of a long list only the first IDs count.
   */
  async authorsOf(references: readonly Reference[]): Promise<readonly PublicKey[]> {
    const authors: PublicKey[] = [];
    let ids: Reference[] = [];
    for (const reference of references) {
      if (referenceKind(reference) === 'address') authors.push(addressAuthor(reference)!);
      else if (ids.length < REPLIES_MAX) ids.push(reference);
    }
    for (const { index, log } of this.#sources) {
      if (ids.length === 0) break;
      const entries = await index.lookup(ids);
      const found = entries.filter((entry) => entry !== undefined);
      for (const { record } of await log.read(found.map(({ location }) => location))) {
        authors.push(record.author);
      }
      ids = ids.filter((_, i) => entries[i] === undefined);
    }
    return authors;
  }

  /** Masters with a schedule that holds an attestation by `subkey`, whether it is in force or not. */
  async #claimants(subkey: PublicKey): Promise<PublicKey[]> {
    const masters = new Map<string, PublicKey>();
    for (const { index, log } of this.#sources) {
      const entries = await index.scan({ path: 'subkey', subkey }, { limit: CLAIMS_MAX });
      for (const { record } of await log.read(entries.map(({ location }) => location))) {
        if (masters.size === MASTERS_PER_KEY_MAX) break;
        masters.set(keyName(record.author), Uint8Array.from(record.author));
      }
    }
    return [...masters.values()];
  }

  async #read(master: PublicKey): Promise<KeySchedule | undefined> {
    const kind = KNOWN_KINDS['key-schedule'];
    const path = { path: 'author-kind', author: master, kind } as const;
    let newest: LogEntry | undefined;
    for (const { index, log } of this.#sources) {
      const entries = await index.scan(path, { limit: 1 });
      const [entry] = await log.read(entries.map(({ location }) => location));
      if (entry === undefined) continue;
      const isNewer = newest === undefined || compareBytes(entry.record.id, newest.record.id) > 0;
      if (isNewer) newest = entry;
    }
    return newest && readTrusted(newest.record);
  }

  #remember(name: string, schedule: KeySchedule | null): void {
    const bytes = schedule === null ? 0 : 2 * schedule.record.bytes.length;
    this.#newest.set(name, schedule, MASTER_BYTES + bytes);
  }
}

function readTrusted(record: RecordView): KeySchedule {
  return parseKeySchedule(record.copy(), TRUSTED);
}
