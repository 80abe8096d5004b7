/** Changes on their way: what comes while a control object is being written goes into the next one. */
import { MosaicError } from '@mosaic-cluster/protocol';
import { factName } from './fact-block.ts';
import {
  assertChanges,
  type Changed,
  FACT_CHANGES_MAX,
  type FactChange,
  registryClosed,
} from './registry.ts';

/** A change as it is kept: `value` undefined removes. */
export interface NamedChange {
  readonly name: Uint8Array;
  readonly value: Uint8Array | undefined;
}

interface Waiting {
  readonly changes: readonly NamedChange[];
  readonly resolve: (changed: Changed) => void;
  readonly reject: (error: unknown) => void;
}

/** Most changes that wait; beyond them more are refused with `registry-busy`. */
const WAITING_MAX = 4 * FACT_CHANGES_MAX;
/** Most bytes of the changes that wait. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;

/** Writes changes in order, one control object at a time. */
export class RegistryChanges {
  readonly #keep: (changes: readonly NamedChange[]) => Promise<Changed>;
  readonly #waiting: Waiting[] = [];
  #count = 0;
  #bytes = 0;
  #running: Promise<void> | undefined;
  #isClosed = false;

  /** @param keep writes changes with different names */
  constructor(keep: (changes: readonly NamedChange[]) => Promise<Changed>) {
    this.#keep = keep;
  }

  /** @throws MosaicError `invalid`, `limited` (`registry-busy`), `closed`, or what keeping throws */
  async add(changes: readonly FactChange[]): Promise<Changed> {
    if (this.#isClosed) throw registryClosed();
    assertChanges(changes);
    if (changes.length === 0) return { changedAtMs: Date.now(), isInEffect: true };
    const named = changes.map(
      ({ collection, key, value }): NamedChange => ({
        name: factName(collection, key),
        value: value && Uint8Array.from(value),
      }),
    );
    const bytes = bytesOf(named);
    const isTooMuch =
      this.#count + named.length > WAITING_MAX || this.#bytes + bytes > WAITING_BYTES_MAX;
    if (isTooMuch && this.#count > 0) {
      const message = `${this.#count} changes to the registry wait already: try again later`;
      throw new MosaicError('limited', 'registry-busy', message);
    }
    this.#count += named.length;
    this.#bytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ changes: named, resolve, reject });
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
      });
    });
  }

  /** Finishes what was accepted; what comes later is refused. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // What is asked for in the same turn goes together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      const newest = new Map<string, NamedChange>();
      for (const change of batch.flatMap(({ changes }) => changes)) {
        newest.set(Buffer.from(change.name).toString('latin1'), change);
      }
      try {
        const changed = await this.#keep([...newest.values()]);
        for (const { resolve } of batch) resolve(changed);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      for (const { changes } of batch) {
        this.#count -= changes.length;
        this.#bytes -= bytesOf(changes);
      }
    }
  }

  #take(): Waiting[] {
    let count = 0;
    let end = 0;
    while (end < this.#waiting.length) {
      count += this.#waiting[end]!.changes.length;
      if (end > 0 && count > FACT_CHANGES_MAX) break;
      end += 1;
    }
    return this.#waiting.splice(0, end);
  }
}

function bytesOf(changes: readonly NamedChange[]): number {
  return changes.reduce((sum, { name, value }) => sum + name.length + (value?.length ?? 0), 0);
}
