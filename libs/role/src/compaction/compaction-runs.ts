/**
 * What the last compaction of a role came to, as a fact of the registry: the command that did it is gone when
 * somebody asks, and workers, which are there, tell it as metrics.
 */
import type { Registry, SizeClasses } from '@mosaic-cluster/store';
import type { CompactedRole } from './compact-role.ts';

/** The collection of the registry that the runs are in, by role. */
export const COMPACTIONS_COLLECTION = 'compactions';

/** A run that came to its end. */
export interface CompactionRun {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** Segments that there were, by size; those that it wrote are counted by the next. */
  readonly sizes: SizeClasses;
  readonly joined: number;
  readonly deleted: number;
  /** Bytes of segments that were deleted, less those of segments that were written. */
  readonly freedBytes: number;
  readonly damages: number;
}

/** Notes and tells the last runs. */
export class CompactionRuns {
  readonly #registry: Pick<Registry, 'get' | 'change'>;

  constructor(registry: Pick<Registry, 'get' | 'change'>) {
    this.#registry = registry;
  }

  /** Notes a run in the place of the one before it. @throws as `Registry.change` */
  async note(role: string, done: CompactedRole, atMs: number): Promise<void> {
    const { sizes, joined, deleted, damages } = done;
    const freedBytes = done.deletedBytes - done.writtenBytes;
    const run: CompactionRun = { atMs, sizes, joined, deleted, freedBytes, damages };
    const value = Buffer.from(JSON.stringify(run));
    await this.#registry.change([
      { collection: COMPACTIONS_COLLECTION, key: Buffer.from(role), value },
    ]);
  }

  /** The last run of a role; undefined: none is known. @throws as `Registry.get` */
  async last(role: string): Promise<CompactionRun | undefined> {
    const [fact] = await this.#registry.get(COMPACTIONS_COLLECTION, [Buffer.from(role)]);
    return fact && decodeRun(fact.value);
  }
}

/** Undefined: a newer version wrote it in another way. */
function decodeRun(value: Uint8Array): CompactionRun | undefined {
  try {
    const run = JSON.parse(Buffer.from(value).toString()) as Partial<CompactionRun>;
    return typeof run.atMs === 'number' && run.sizes !== undefined
      ? (run as CompactionRun)
      : undefined;
  } catch {
    return undefined;
  }
}
