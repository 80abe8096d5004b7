/** Cuts what a program writes into lines, of a bounded length whatever it writes. */

/** Bytes of a line; the rest of a longer one is left out. */
export const LINE_BYTES_MAX = 16_384;

/** Makes lines of chunks. */
export class LineSplitter {
  readonly #tell: (line: string) => void;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      const end = chunk.indexOf(0x0a, at);
      this.#keep(chunk.subarray(at, end === -1 ? chunk.length : end));
      if (end === -1) return;
      const line = Buffer.concat(this.#parts).toString();
      this.#parts = [];
      this.#bytes = 0;
      this.#tell(line);
      at = end + 1;
    }
  }

  #keep(part: Buffer): void {
    const kept = part.subarray(0, LINE_BYTES_MAX - this.#bytes);
    if (kept.length === 0) return;
    // A copy: many small parts must not keep large chunks in memory.
    this.#parts.push(Buffer.from(kept));
    this.#bytes += kept.length;
  }
}
