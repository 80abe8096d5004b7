/**
 * Where key schedules are held, and how they are found there. An index that several processes use may
 * lose them at any moment: whoever is not found in one that is not whole may be there all the same.
 */
import {
  compareBytes,
  equalBytes,
  isMosaicError,
  type KeySchedule,
  KNOWN_KINDS,
  MosaicError,
  parseKeySchedule,
  type PublicKey,
  type RecordView,
} from '@mosaic-cluster/protocol';
import type { IndexPath, LogEntry, Position, RecordIndex, SegmentLog } from '@mosaic-cluster/store';
import { keyName } from './key-name.ts';

/** Where key schedules are held: a role that keeps records for everybody. */
export interface ScheduleSource {
  readonly index: RecordIndex;
  readonly log: Pick<SegmentLog, 'peek' | 'read'>;
}

/** Masters that one key acts for: each of them has an attestation that the key itself made. */
const MASTERS_PER_KEY_MAX = 16;
/** Key schedules looked at for one key, newest first: a master can write many. */
const CLAIMS_MAX = 256;
/** Records looked at to find a schedule: Redis may mix two paths up, but never many. */
const STRAYS_MAX = 16;

const NO_HASH = new Uint8Array(0);
/** A schedule from storage was checked when it came in. */
const TRUSTED = {
  hash: () => NO_HASH,
  verify: () => true,
  keyFault: () => undefined,
} as const;

/** A key schedule that was checked before; copied. */
export function readTrusted(record: RecordView): KeySchedule {
  return parseKeySchedule(record.copy(), TRUSTED);
}

/** Whether something could not be told because an index is not whole. */
export function isNotWhole(error: unknown): boolean {
  return isMosaicError(error) && error.code === 'index-not-whole';
}

/** All places where key schedules are held. */
export class ScheduleSources {
  readonly all: readonly ScheduleSource[];
  readonly #shared: readonly ScheduleSource[];
  /** A question whether all indexes are whole. Whoever asks while it is under way gets the next. */
  #check: Promise<void> | undefined;
  #nextCheck: Promise<void> | undefined;

  constructor(all: readonly ScheduleSource[]) {
    this.all = all;
    this.#shared = all.filter(({ index }) => index.isShared);
  }

  /** Whether other processes write to one of the indexes. */
  get isShared(): boolean {
    return this.#shared.length > 0;
  }

  /** The newest key schedule of a master that is found. */
  async newest(master: PublicKey): Promise<KeySchedule | undefined> {
    let newest: LogEntry | undefined;
    for (const source of this.all) {
      const entry = await newestIn(source, master);
      if (entry === undefined) continue;
      const isNewer = newest === undefined || compareBytes(entry.record.id, newest.record.id) > 0;
      if (isNewer) newest = entry;
    }
    return newest && readTrusted(newest.record);
  }

  /** Masters with a schedule that holds an attestation by `subkey`, whether it is in force or not. */
  async claimants(subkey: PublicKey): Promise<PublicKey[]> {
    const masters = new Map<string, PublicKey>();
    for (const { index, log } of this.all) {
      const entries = await index.scan({ path: 'subkey', subkey }, { limit: CLAIMS_MAX });
      for (const { record } of await log.read(entries.map(({ location }) => location))) {
        if (masters.size === MASTERS_PER_KEY_MAX) break;
        if (!record.isKeySchedule || !hasKey(record, subkey)) continue;
        masters.set(keyName(record.author), Uint8Array.from(record.author));
      }
    }
    return [...masters.values()];
  }

  /**
   * Asks whether all indexes are whole, after something was read there: then it was read from whole
   * ones.
   *
   * @throws MosaicError `unavailable` (`index-not-whole`), and what the indexes throw
   */
  async assertWhole(): Promise<void> {
    if (!this.isShared) return;
    if (this.#check === undefined) return this.#start();
    const again = (): Promise<void> => this.#start();
    this.#nextCheck ??= this.#check.then(again, again);
    await this.#nextCheck;
  }

  #start(): Promise<void> {
    this.#nextCheck = undefined;
    const check = this.#assertWhole().finally(() => {
      if (this.#check === check) this.#check = undefined;
    });
    this.#check = check;
    return check;
  }

  async #assertWhole(): Promise<void> {
    const positions = await Promise.all(this.#shared.map(({ index }) => index.appliedTo()));
    if (!positions.includes(undefined)) return;
    const message = 'the record index is being made anew: not all key schedules are in it yet';
    throw new MosaicError('unavailable', 'index-not-whole', message);
  }
}

async function newestIn(
  { index, log }: ScheduleSource,
  master: PublicKey,
): Promise<LogEntry | undefined> {
  const kind = KNOWN_KINDS['key-schedule'];
  const path: IndexPath = { path: 'author-kind', author: master, kind };
  let below: Position | undefined;
  for (let seen = 0; seen < STRAYS_MAX; seen++) {
    const [found] = await index.scan(path, { below, limit: 1 });
    if (found === undefined) return undefined;
    const [entry] = await log.read([found.location]);
    const isOwn = entry?.record.isKeySchedule && equalBytes(entry.record.author, master);
    if (isOwn) return entry;
    below = found.position;
  }
  return undefined;
}

function hasKey(record: RecordView, subkey: PublicKey): boolean {
  return readTrusted(record).entries.some(({ key }) => equalBytes(key, subkey));
}
