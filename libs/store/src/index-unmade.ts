/**
 * An index that cannot be made yet because the disk is full: nothing is in it, and whoever writes to it
 * makes it once there is room. A role that was enabled then starts all the same.
 */
import type { Reference } from '@mosaic-cluster/protocol';
import type {
  AddOutcome,
  IndexAddition,
  IndexedRecord,
  IndexEntry,
  IndexPath,
  RebuildClaim,
  RebuildClaimOptions,
  RecordIndex,
  ScanRange,
} from './record-index.ts';
import type { LogPosition } from './segment-log.ts';

/** Stands for an index until it is made. */
export class UnmadeIndex implements RecordIndex {
  readonly isShared = false;
  readonly #make: () => RecordIndex;
  #made: RecordIndex | undefined;

  /** @param make throws `unavailable` (`index-full`) while there is no room */
  constructor(make: () => RecordIndex) {
    this.#make = make;
  }

  async add(
    additions: readonly IndexAddition[],
    appliedTo?: LogPosition,
  ): Promise<readonly AddOutcome[]> {
    return this.#toWrite().add(additions, appliedTo);
  }

  async restore(additions: readonly IndexAddition[]): Promise<readonly AddOutcome[]> {
    return this.#toWrite().restore(additions);
  }

  async remove(records: readonly IndexedRecord[]): Promise<void> {
    await this.#made?.remove(records);
  }

  async release(ids: readonly Reference[]): Promise<void> {
    await this.#made?.release(ids);
  }

  async lookup(ids: readonly Reference[]): Promise<readonly (IndexEntry | undefined)[]> {
    return this.#made?.lookup(ids) ?? ids.map(() => undefined);
  }

  async scan(path: IndexPath, range: ScanRange): Promise<readonly IndexEntry[]> {
    return this.#made?.scan(path, range) ?? [];
  }

  async appliedTo(): Promise<LogPosition | undefined> {
    return this.#made?.appliedTo();
  }

  async markWhole(appliedTo: LogPosition | undefined): Promise<void> {
    await this.#toWrite().markWhole(appliedTo);
  }

  async claimRebuild(options: RebuildClaimOptions): Promise<RebuildClaim | undefined> {
    return this.#toWrite().claimRebuild(options);
  }

  async count(): Promise<number> {
    return this.#made?.count() ?? 0;
  }

  async close(): Promise<void> {
    await this.#made?.close();
  }

  #toWrite(): RecordIndex {
    this.#made ??= this.#make();
    return this.#made;
  }
}
