/** The moderator's desk: what the inbox holds, and deciding on it. */
import type { Bus } from '@mosaic-cluster/bus';
import {
  equalBytes,
  MosaicError,
  type PublicKey,
  type RecordView,
  type Reference,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import type { Position, RecordIndex, SegmentLog } from '@mosaic-cluster/store';
import type { KeyDirectory } from './key-directory.ts';
import type { Decision, DecisionDetails, ModerationDecisions } from './moderation-decisions.ts';
import { notifiedKeys, repliedReferences } from './notified.ts';

/** What a moderator works with: the parts of an inbox. */
export interface ModeratorDeps {
  readonly index: RecordIndex;
  readonly log: Pick<SegmentLog, 'read'>;
  readonly directory: KeyDirectory;
  readonly decisions: ModerationDecisions;
  /** Where approved records are published; undefined: somebody else does. */
  readonly bus: Pick<Bus, 'publish'> | undefined;
}

/** A record and what was decided on it. */
export interface ModeratedRecord {
  readonly record: RecordView;
  readonly receivedAt: Timestamp;
  /** Whether it was held when it came in; decisions are about such records only. */
  readonly held: boolean;
  /** Undefined: nobody decided on it. */
  readonly decision: DecisionDetails | undefined;
}

/** Which held records to list. */
export interface HeldRequest {
  readonly author?: PublicKey | undefined;
  /** A key that the record notifies, or the author of what it replies to. */
  readonly recipient?: PublicKey | undefined;
  /** From the page before. */
  readonly below?: Position | undefined;
  /** 1 to 1,000. */
  readonly limit: number;
}

/** A part of what waits, newest first. It may be empty though more follows. */
export interface HeldPage {
  readonly records: readonly ModeratedRecord[];
  /** Where the next page starts; undefined: this was the last. */
  readonly next: Position | undefined;
}

/** What became of a decision on a record: `not-held` ones nobody needs to decide on. */
export type DecisionOutcome = 'decided' | 'not-held' | 'not-found';

/** Entries read at once. */
const READ_ENTRIES = 128;
/** Entries looked at for one page. */
const SCANNED_MAX = 2048;
/** Most records of a page, and most that are decided on at once. */
const RECORDS_MAX = 1000;

/** Lists what is held and decides on it. */
export class Moderator {
  readonly #deps: ModeratorDeps;

  constructor(deps: ModeratorDeps) {
    this.#deps = deps;
  }

  /**
   * A page of the records that nobody decided on.
   *
   * @throws MosaicError `invalid` (`moderation`), or what storage and registry throw
   */
  async held({ author, recipient, below, limit }: HeldRequest): Promise<HeldPage> {
    assertCount(limit, 1);
    const { index } = this.#deps;
    const records: ModeratedRecord[] = [];
    let next = below;
    for (let scanned = 0; scanned < SCANNED_MAX; ) {
      const entries = await index.scan({ path: 'held' }, { below: next, limit: READ_ENTRIES });
      const stored = await this.#read(entries.map(({ location }) => location));
      const decided: Reference[] = [];
      for (const [i, each] of stored.entries()) {
        next = entries[i]!.position;
        if (each.decision !== undefined) decided.push(each.record.id);
        else if (await this.#isWanted(each.record, author, recipient)) records.push(each);
        if (records.length < limit) continue;
        await this.#release(decided);
        const isLast = entries.length < READ_ENTRIES && i === entries.length - 1;
        return { records, next: isLast ? undefined : next };
      }
      await this.#release(decided);
      if (entries.length < READ_ENTRIES) return { records, next: undefined };
      scanned += entries.length;
    }
    return { records, next };
  }

  /**
   * Records by their IDs, whether they are held or not; undefined for those that are not there.
   *
   * @throws MosaicError `invalid` (`moderation`) for more than 1,000, or what storage and registry throw
   */
  async show(ids: readonly Reference[]): Promise<(ModeratedRecord | undefined)[]> {
    assertCount(ids.length, 0);
    const entries = await this.#deps.index.lookup(ids);
    const found = entries.flatMap((entry) => (entry === undefined ? [] : [entry]));
    const stored = (await this.#read(found.map(({ location }) => location))).values();
    return entries.map((entry, i) => {
      const shown = entry === undefined ? undefined : stored.next().value;
      // A shared index knows a record by most bytes of its ID, not by all.
      return shown !== undefined && equalBytes(shown.record.id, ids[i]!) ? shown : undefined;
    });
  }

  /** Lets everybody read records that are held, and publishes them. Throws as {@link show}. */
  approve(ids: readonly Reference[], decidedBy?: string): Promise<DecisionOutcome[]> {
    return this.#decide(ids, 'approved', decidedBy);
  }

  /** Has held records be gone for everybody. Throws as {@link show}. */
  reject(ids: readonly Reference[], decidedBy?: string): Promise<DecisionOutcome[]> {
    return this.#decide(ids, 'rejected', decidedBy);
  }

  /**
   * Follows up on what was decided by anybody: such records wait no longer, and subscribers get those
   * that were approved. {@link approve} and {@link reject} do so by themselves.
   *
   * @throws MosaicError what storage and registry throw
   */
  async followUp(ids: readonly Reference[]): Promise<void> {
    for (let at = 0; at < ids.length; at += RECORDS_MAX) {
      const some = ids.slice(at, at + RECORDS_MAX);
      const entries = await this.#deps.index.lookup(some);
      const held = some.filter((_, i) => entries[i]?.held === true);
      await this.#deps.index.release(held);
      await this.#publish(held);
    }
  }

  /**
   * Takes everything that was ever decided on off the path of what waits: what was decided while no
   * server ran, and what a rebuild put there again.
   *
   * @param isEnded asked between two pages
   * @throws MosaicError what storage and registry throw
   */
  async releaseDecided(isEnded: () => boolean): Promise<void> {
    const { decisions, index } = this.#deps;
    for (let after: Reference | undefined, hasMore = true; hasMore && !isEnded(); ) {
      const page = await decisions.list(after);
      await index.release(page.ids);
      after = page.ids.at(-1);
      ({ hasMore } = page);
    }
  }

  async #decide(
    ids: readonly Reference[],
    decision: Decision,
    decidedBy: string | undefined,
  ): Promise<DecisionOutcome[]> {
    assertCount(ids.length, 0);
    const { index, decisions } = this.#deps;
    const entries = await index.lookup(ids);
    const held = ids.filter((_, i) => entries[i]?.held === true);
    if (held.length > 0) {
      await decisions.decide(held, decision, decidedBy);
      await this.#release(held);
      if (decision === 'approved') await this.#publish(held);
    }
    return entries.map((entry) => {
      if (entry === undefined) return 'not-found';
      return entry.held ? 'decided' : 'not-held';
    });
  }

  async #publish(ids: readonly Reference[]): Promise<void> {
    const { bus, directory } = this.#deps;
    if (bus === undefined || ids.length === 0) return;
    const live = [];
    for (const shown of await this.show(ids)) {
      if (shown?.decision?.decision !== 'approved') continue;
      const { record, receivedAt } = shown;
      if (!(await directory.admits(record, receivedAt))) continue;
      live.push({ role: 'inbox', record, receivedAt, readers: undefined } as const);
    }
    bus.publish(live);
  }

  async #read(locations: readonly Uint8Array[]): Promise<ModeratedRecord[]> {
    const { log, decisions } = this.#deps;
    if (locations.length === 0) return [];
    const stored = await log.read(locations);
    const found = await decisions.details(stored.map(({ record }) => record.id));
    return stored.map(({ record, receivedAt, held }, i) => {
      return { record, receivedAt, held, decision: found[i] };
    });
  }

  async #isWanted(
    record: RecordView,
    author: PublicKey | undefined,
    recipient: PublicKey | undefined,
  ): Promise<boolean> {
    if (author !== undefined && !equalBytes(record.author, author)) return false;
    if (recipient === undefined) return true;
    const isRecipient = (key: PublicKey): boolean => equalBytes(key, recipient);
    if (notifiedKeys(record).some(isRecipient)) return true;
    return (await this.#deps.directory.authorsOf(repliedReferences(record))).some(isRecipient);
  }

  /** Whoever walks over what is held next tries again: the decision counts without this. */
  async #release(ids: readonly Reference[]): Promise<void> {
    if (ids.length > 0) await this.#deps.index.release(ids).catch(() => undefined);
  }
}

function assertCount(count: number, countMin: number): void {
  if (Number.isInteger(count) && count >= countMin && count <= RECORDS_MAX) return;
  const message = `${countMin} to ${RECORDS_MAX} records are moderated at once, not ${count}`;
  throw new MosaicError('invalid', 'moderation', message);
}
