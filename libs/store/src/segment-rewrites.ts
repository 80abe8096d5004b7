/** Writes segments of an open log again, and tells those who read one meanwhile where things are now. */
import { randomBytes } from 'node:crypto';
import { isMosaicError, MosaicError } from '@mosaic-cluster/protocol';
import { openSegment } from './segment-directory.ts';
import type { SegmentFile } from './segment-file.ts';
import type { SegmentFileSystem } from './segment-file-system.ts';
import { SEGMENT_SALT_BYTES } from './segment-format.ts';
import { isRewritten, readFailure, type ReadHandles } from './segment-handles.ts';
import { type RewriteOptions, type Rewritten, rewriteSegment } from './segment-rewrite.ts';

/** The newest segments, which are appended to or say where the log ends. */
const REWRITTEN_BEHIND = 2;

/** What to work on. */
export interface SegmentRewritesOptions {
  readonly directory: string;
  readonly role: string;
  readonly fileSystem: SegmentFileSystem;
  /** Space that stays free. */
  readonly freeBytesMin: number;
  /** By number, oldest first; what was written again takes its place here. */
  readonly segments: Map<number, SegmentFile>;
  readonly handles: ReadHandles;
}

/** What the caller of a rewrite decides. */
export type RewriteChoices = Pick<RewriteOptions, 'mayGo' | 'pace' | 'assertFree'>;

/** The segments of one log that are written again. */
export class SegmentRewrites {
  readonly #options: SegmentRewritesOptions;
  /** Renames under way, by segment: the disk may show the new file long before it says that it is there. */
  readonly #replacing = new Map<number, Promise<unknown>>();

  constructor(options: SegmentRewritesOptions) {
    this.#options = options;
  }

  /** @throws MosaicError as `FileSegmentLog.rewrite` */
  async rewrite(number: number, how: RewriteChoices): Promise<Rewritten | undefined> {
    const { directory, fileSystem, freeBytesMin, segments } = this.#options;
    const newest = [...segments.keys()].slice(-REWRITTEN_BEHIND);
    const segment = segments.get(number);
    if (segment?.closed !== true || newest.includes(number)) return undefined;
    try {
      if ((await fileSystem.freeBytes(directory)) < freeBytesMin + segment.bytes)
        throw noRoom(segment);
      return await rewriteSegment({
        ...how,
        directory,
        fileSystem,
        segment,
        salt: () => randomBytes(SEGMENT_SALT_BYTES),
        replace: (copy, rename) => this.#replace(segment, copy, rename),
      });
    } catch (error) {
      // An earlier rename was done although it was said to have failed: the next attempt goes by what is there.
      if (isRewritten(error)) await this.lookAgain(segment);
      if (isMosaicError(error)) throw error;
      const why = error instanceof Error ? error.message : String(error);
      const message = `segment ${segment.name} cannot be written again: ${why}`;
      throw new MosaicError('unavailable', 'log-failed', message, { cause: error });
    }
  }

  /**
   * The segment as it is now, of one whose file is another than it was.
   *
   * @throws MosaicError `corrupt` (`segment`), `unavailable` (`segment-read`)
   */
  async lookAgain(segment: SegmentFile): Promise<SegmentFile> {
    const { directory, role, fileSystem, segments } = this.#options;
    const { number, name } = segment;
    const known = (): SegmentFile | undefined => {
      const now = segments.get(number);
      return now === segment ? undefined : now;
    };
    await this.#replacing.get(number)?.catch(() => undefined);
    const replaced = known();
    if (replaced !== undefined) return replaced;
    // Some disks do what they then say has failed.
    const options = { directory, role, fileSystem, warn: () => undefined };
    const found = await openSegment(options, name, false).catch((error: unknown) => {
      throw isMosaicError(error) ? error : readFailure(name, error);
    });
    const meanwhile = known();
    if (meanwhile !== undefined) return meanwhile;
    this.#take(segment, found);
    return found;
  }

  async #replace(
    segment: SegmentFile,
    copy: SegmentFile,
    rename: () => Promise<void>,
  ): Promise<void> {
    const replacing = rename().then(() => this.#take(segment, copy));
    this.#replacing.set(segment.number, replacing);
    try {
      await replacing;
    } finally {
      this.#replacing.delete(segment.number);
    }
  }

  #take(segment: SegmentFile, now: SegmentFile): void {
    this.#options.segments.set(segment.number, now);
    this.#options.handles.drop(segment);
  }
}

function noRoom({ name }: SegmentFile): MosaicError {
  const message = `there is no room to write segment ${name} again`;
  return new MosaicError('unavailable', 'log-full', message);
}
