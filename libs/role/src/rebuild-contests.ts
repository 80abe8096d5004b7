/**
 * Addresses over which a rebuild cannot decide before all key schedules are in the index: the older of
 * two records holds its address if the newer one was not its author's to sign. They are noted with the
 * part of the log in which they were met, so that a rebuild that goes on knows them.
 *
 *     note: for each contest, twice [bytes of a location 1] [location]
 */
import { compareBytes } from '@mosaic-cluster/protocol';
import type { Location, LogEntry, RecordIndex, SegmentLog } from '@mosaic-cluster/store';
import type { KeyDirectory } from './key-directory.ts';
import type { Contest } from './rebuild-restorer.ts';
import { NOTHING_REMOVED, type RemovalLookup } from './removed-records.ts';

/** What contests are about. */
export interface RebuildContestsOptions {
  readonly index: RecordIndex;
  readonly log: SegmentLog;
  readonly directory: KeyDirectory;
  readonly removed?: RemovalLookup;
}

/** Contests in memory; more are decided at once, by the key schedules that are there. */
const CONTESTS_MAX = 50_000;

/** The contests of one rebuild. */
export class RebuildContests {
  readonly #options: RebuildContestsOptions;
  #contests: Contest[] = [];

  constructor(options: RebuildContestsOptions) {
    this.#options = options;
  }

  /** Takes contests in; returns what has to be noted of them. */
  async add(contests: readonly Contest[]): Promise<Uint8Array> {
    this.#contests.push(...contests);
    if (this.#contests.length > CONTESTS_MAX) await this.settle();
    const locations = contests.flatMap((each) => each.locations);
    return Buffer.concat(locations.flatMap((each) => [Uint8Array.of(each.length), each]));
  }

  /** Takes in what was noted. */
  async recall(note: Uint8Array): Promise<void> {
    const locations: Location[] = [];
    for (let at = 0; at < note.length; at += 1 + note[at]!) {
      locations.push(note.slice(at + 1, at + 1 + note[at]!));
    }
    const contests: Contest[] = [];
    for (let i = 0; i + 1 < locations.length; i += 2) {
      contests.push({ locations: [locations[i]!, locations[i + 1]!] });
    }
    await this.add(contests);
  }

  /** Decides all contests. */
  async settle(): Promise<void> {
    const contests = this.#contests;
    this.#contests = [];
    for (const contest of contests) await this.#decide(contest);
  }

  async #decide({ locations }: Contest): Promise<void> {
    const { index, log, directory, removed = NOTHING_REMOVED } = this.#options;
    const pair = (await log.read(locations)).map((entry, i) => ({
      ...entry,
      location: locations[i]!,
    }));
    const [newer, older] = pair.toSorted((a, b) => compareBytes(b.record.id, a.record.id));
    if (newer === undefined || older === undefined) return;
    const path = { path: 'address', address: newer.record.address } as const;
    const [holder] = await index.scan(path, { limit: 1 });
    const [isNewerGone, isOlderGone] = await removed.areRemoved([newer.record.id, older.record.id]);
    // It may have been removed meanwhile, or together with what it was replaced by.
    const [isOlderReplaced] = await removed.areReplaced([older.record]);
    if (isOlderGone === true || isOlderReplaced === true) return;
    if (isNewerGone === true) {
      if (holder === undefined) await index.restore([older]);
      return;
    }
    const holds = ({ record }: LogEntry): boolean =>
      holder !== undefined && compareBytes(holder.position, record.id.subarray(0, 24)) === 0;
    // Where one was met in a joined segment and the other in one of its sources, it only looked like that; and of
    // those that came together the newest was found, however they lie in their commit.
    const isReplaced = older.receivedAt <= newer.receivedAt;
    if (isReplaced || (await directory.admitsByWhatIsHeld(newer.record, newer.receivedAt))) {
      if (holds(older)) await index.restore([{ ...newer, replaces: older }]);
    } else if (holds(newer)) {
      await index.remove([newer]);
      await index.restore([older]);
    }
  }
}
