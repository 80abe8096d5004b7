/**
 * Which keys belong to which master keys, by the key schedules held here. Submissions, logins and
 * every served record ask it, so the newest schedule of a master is kept in memory once read.
 */
import {
  coreTag,
  compareBytes,
  hexEncode,
  type KeySchedule,
  KNOWN_KINDS,
  parseKeySchedule,
  type PublicKey,
  type RecordView,
  type Reference,
  TAG_TYPE,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import type { RecordIndex, SegmentLog } from '@mosaic-cluster/store';

/** Where key schedules are held: the outbox. */
export interface ScheduleSource {
  readonly index: RecordIndex;
  readonly log: SegmentLog;
}

/** Entries remembered of each kind, masters without a schedule included; then the oldest go. */
const REMEMBERED_MAX = 100_000;
/** Schedules looked at for one subkey: each is another master that says the key is its own. */
const MASTERS_PER_KEY_MAX = 16;
/** Entries of a path read at once while looking for distinct masters. */
const SCAN_ENTRIES = 64;

/** Knows the newest key schedule of every master held here. */
export class KeyDirectory {
  readonly #source: ScheduleSource | undefined;
  /** By master key in hex; null: it has none. Oldest first, the oldest are forgotten. */
  readonly #newest = new Map<string, KeySchedule | null>();
  /** By connection key in hex. Emptied whenever a schedule comes in: that is rare. */
  readonly #identities = new Map<string, readonly PublicKey[]>();
  /** Grows with every schedule taken, so that a slow read cannot bring back what it replaced. */
  #version = 0;

  /** @param source undefined where no outbox is at hand: then only master keys sign */
  constructor(source: ScheduleSource | undefined) {
    this.#source = source;
  }

  /**
   * Whether a record's signing key belongs to its author, as far as is in memory; undefined: ask
   * {@link admits}.
   */
  admitsNow(record: RecordView, receivedAt: Timestamp): boolean | undefined {
    if (record.signedByAuthor) return true;
    const schedule = this.#newest.get(hexEncode(record.author));
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

  /** The newest key schedule of a master; undefined: none is held. */
  async newest(master: PublicKey): Promise<KeySchedule | undefined> {
    const name = hexEncode(master);
    const known = this.#newest.get(name);
    if (known !== undefined) return known ?? undefined;
    const version = this.#version;
    const found = await this.#read(master);
    if (version === this.#version) this.#remember(name, found ?? null);
    return this.#newest.get(name) ?? found;
  }

  /** Takes note of a schedule that was just stored. */
  take(schedule: KeySchedule): void {
    this.#version += 1;
    this.#identities.clear();
    const name = hexEncode(schedule.master);
    const known = this.#newest.get(name);
    // Without a schedule in memory there may be a newer one in storage: let the next reader look.
    if (known === undefined) return;
    const isNewer = known === null || compareBytes(schedule.record.id, known.record.id) > 0;
    if (isNewer) this.#remember(name, schedule);
  }

  /** The master keys that a proven key acts for, itself first. */
  async identities(key: PublicKey): Promise<readonly PublicKey[]> {
    const name = hexEncode(key);
    const known = this.#identities.get(name);
    if (known !== undefined) return known;
    const version = this.#version;
    const masters = await this.#findIdentities(key);
    if (version === this.#version) setBounded(this.#identities, name, masters);
    return masters;
  }

  /** The author of a record in the outbox; undefined: it is not there. */
  async authorOf(id: Reference): Promise<PublicKey | undefined> {
    if (this.#source === undefined) return undefined;
    const [entry] = await this.#source.index.lookup([id]);
    if (entry === undefined) return undefined;
    const [stored] = await this.#source.log.read([entry.location]);
    return stored?.record.author;
  }

  async #findIdentities(key: PublicKey): Promise<readonly PublicKey[]> {
    const masters: PublicKey[] = [key];
    for (const master of await this.#claimants(key)) {
      const schedule = await this.newest(master);
      if (schedule?.actsFor(key) && compareBytes(master, key) !== 0) masters.push(master);
    }
    return masters;
  }

  /** Masters with a schedule that carries a Subkey tag for `key`. */
  async #claimants(key: PublicKey): Promise<PublicKey[]> {
    if (this.#source === undefined) return [];
    const { index } = this.#source;
    const { value } = coreTag({ name: 'subkey', key });
    const tag = new Uint8Array(2 + value.length);
    tag[0] = TAG_TYPE.subkey;
    tag.set(value, 2);
    const masters = new Map<string, PublicKey>();
    const entries = await index.scan({ path: 'tag', tag }, { limit: SCAN_ENTRIES });
    for (const { record } of await this.#source.log.read(entries.map((entry) => entry.location))) {
      if (!record.isKeySchedule || masters.size >= MASTERS_PER_KEY_MAX) continue;
      masters.set(hexEncode(record.author), record.author);
    }
    return [...masters.values()];
  }

  async #read(master: PublicKey): Promise<KeySchedule | undefined> {
    if (this.#source === undefined) return undefined;
    const { index, log } = this.#source;
    const path = {
      path: 'author-kind',
      author: master,
      kind: KNOWN_KINDS['key-schedule'],
    } as const;
    const entries = await index.scan(path, { limit: 1 });
    const [entry] = await log.read(entries.map(({ location }) => location));
    if (entry === undefined) return undefined;
    // Its attestations were verified before it was stored.
    return parseKeySchedule(entry.record.copy(), { verify: () => true });
  }

  #remember(name: string, schedule: KeySchedule | null): void {
    setBounded(this.#newest, name, schedule);
  }
}

/** Sets an entry as the youngest; past the bound the oldest is forgotten. */
function setBounded<V>(map: Map<string, V>, name: string, value: V): void {
  map.delete(name);
  map.set(name, value);
  if (map.size <= REMEMBERED_MAX) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
