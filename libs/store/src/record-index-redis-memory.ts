/**
 * What a process remembers of table `i`: a query finds the newest records of a path again and again, and
 * looking each of them up costs Redis more than finding the path. A shard says its version with every
 * answer; what was read in another one counts no more, see `record-index-redis-tables.ts`.
 */

/** Most fields remembered, of all shards together: some 10 MB. Beyond it the oldest are forgotten. */
export const REMEMBERED_MAX = 32_768;

interface Remembered {
  readonly version: string;
  readonly value: Buffer;
}

/** Values of fields, each with the version of its shard when it was read. */
export class FieldMemory {
  readonly #max: number;
  readonly #fields = new Map<string, Remembered>();
  /** By shard: the version that was heard last. */
  readonly #versions = new Map<number, string>();

  constructor(max: number = REMEMBERED_MAX) {
    this.#max = max;
  }

  /** Fields that are remembered, those of earlier versions included. */
  get size(): number {
    return this.#fields.size;
  }

  /** The version of a shard that was heard last; empty: none, or nothing may be remembered. */
  versionOf(shard: number): string {
    return this.#versions.get(shard) ?? '';
  }

  /** The value of a field in a version of its shard; it must not be changed. */
  valueOf(field: Buffer, version: string): Buffer | undefined {
    if (version === '') return undefined;
    const remembered = this.#fields.get(nameOf(field));
    return remembered?.version === version ? remembered.value : undefined;
  }

  /** Takes note of the version that a shard has. */
  hear(shard: number, version: string): void {
    this.#versions.set(shard, version);
  }

  /** Remembers what was read in a version, a copy: what Redis sends lies in large buffers. */
  remember(field: Buffer, version: string, value: Buffer): void {
    if (version === '') return;
    const name = nameOf(field);
    this.#fields.delete(name);
    if (this.#fields.size >= this.#max) {
      const [oldest] = this.#fields.keys();
      this.#fields.delete(oldest!);
    }
    this.#fields.set(name, { version, value: Buffer.from(value) });
  }
}

function nameOf(field: Buffer): string {
  return field.toString('latin1');
}
