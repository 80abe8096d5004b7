/**
 * Keeps the log from filling the disk: the index and the operator need room too. What ran short once
 * has to be well above the reserve before records are taken again, so that a disk that hovers about
 * it does not have the log stop and start with every record.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { SegmentFileSystem } from './segment-file-system.ts';

/** Milliseconds for which an answer is believed… */
const BELIEVED_MS = 1000;
/** …unless so much was written since. */
const BELIEVED_BYTES = 8 * 1024 * 1024;

/** By which part of the reserve free space has to exceed it before the log goes on. */
const RESUME_SHARE = 0.25;

/** What to watch. */
export interface FreeSpaceOptions {
  readonly directory: string;
  readonly fileSystem: SegmentFileSystem;
  /** Bytes that must stay free; 0: no reserve. */
  readonly freeBytesMin: number;
  readonly monotonicMs: () => number;
}

/** Looks at the file system's free space before commits, but not before each. */
export class FreeSpace {
  readonly #options: FreeSpaceOptions;
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #bytesSince = 0;
  #isShort = false;

  constructor(options: FreeSpaceOptions) {
    this.#options = options;
  }

  /** Has the next check look, whatever was found before. */
  doubt(): void {
    this.#checkedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** A write found no space: from now on more than the reserve is asked for. */
  ranOut(): void {
    this.#isShort = true;
    this.doubt();
  }

  /**
   * Whether a commit of so many bytes leaves the reserve alone; undefined: known without asking.
   *
   * @throws MosaicError `unavailable` (`log-full`)
   */
  check(bytes: number): Promise<void> | undefined {
    const { freeBytesMin, monotonicMs } = this.#options;
    if (freeBytesMin === 0) return undefined;
    this.#bytesSince += bytes;
    const isKnown =
      monotonicMs() - this.#checkedAtMs < BELIEVED_MS && this.#bytesSince < BELIEVED_BYTES;
    return isKnown ? undefined : this.#ask(bytes);
  }

  async #ask(bytes: number): Promise<void> {
    const { directory, fileSystem, freeBytesMin, monotonicMs } = this.#options;
    let freeBytes: number;
    try {
      freeBytes = await fileSystem.freeBytes(directory);
    } catch {
      // Some file systems cannot tell. Then a write that fails for want of space has to.
      freeBytes = Number.POSITIVE_INFINITY;
    }
    const resumeBytes = Math.ceil(freeBytesMin * (1 + RESUME_SHARE));
    if (freeBytes - bytes < (this.#isShort ? resumeBytes : freeBytesMin)) {
      this.#isShort = true;
      const message = `no records are taken: ${directory} has ${freeBytes} bytes free, ${freeBytesMin} are reserved; make room, they are taken again from ${resumeBytes} on`;
      throw new MosaicError('unavailable', 'log-full', message);
    }
    this.#isShort = false;
    this.#checkedAtMs = monotonicMs();
    this.#bytesSince = 0;
  }
}
