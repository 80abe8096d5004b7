/** Sees to it that records are signed before they are needed, on all processors at once. */
import { availableParallelism } from 'node:os';
import type { GeneratorSetup } from '../generator/commands.ts';
import { GeneratorProcess } from '../generator-process.ts';
import { CHUNK_RECORDS, RecordCache } from './record-cache.ts';
import type { RecordRange } from './record-range.ts';

/** Signs what the cache lacks. */
export class RecordSupply {
  readonly #setup: GeneratorSetup;
  readonly #cache: RecordCache;
  readonly #say: (line: string) => void;

  /** @param say told what takes time */
  constructor(setup: GeneratorSetup, say: (line: string) => void) {
    this.#setup = setup;
    this.#cache = new RecordCache(setup.cacheFolder, setup.seed);
    this.#say = say;
  }

  /** When this resolves the range can be read from the cache. */
  async prepare(range: RecordRange): Promise<void> {
    const missing = RecordCache.chunksOf(range).filter((chunk) => !this.#cache.has(chunk));
    if (missing.length === 0) return;
    this.#say(`signing ${missing.length * CHUNK_RECORDS} records, once`);
    const signers = Math.min(availableParallelism(), missing.length);
    await Promise.all(Array.from({ length: signers }, () => this.#sign(missing)));
  }

  /** Signs until nothing is left; takes its work from `missing`. */
  async #sign(missing: number[]): Promise<void> {
    const signer = await GeneratorProcess.start(this.#setup);
    try {
      for (let chunk = missing.pop(); chunk !== undefined; chunk = missing.pop()) {
        await signer.call('sign', { chunk });
      }
    } finally {
      await signer.close();
    }
  }
}
