/** A seeded source of randomness, so that every fuzzed input can be made again from two numbers. */

/** Scatters the bits of a number, so that neighbouring seeds start far apart. */
function scatter(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/** The sfc32 generator: small, fast, and good enough to choose mutations. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** The same numbers give the same sequence. Each is taken modulo 2³². */
  constructor(seed: number, stream: number, index: number) {
    this.#a = scatter(seed);
    this.#b = scatter(stream ^ 0x9e3779b9);
    this.#c = scatter(index ^ 0x85ebca6b);
    for (let i = 0; i < 12; i++) this.u32();
  }

  /** 0 to 2³²−1. */
  u32(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** 0 to `bound` − 1; 0 where the bound is 0. */
  below(bound: number): number {
    return bound === 0 ? 0 : this.u32() % bound;
  }

  /** True once in `times`. */
  oneIn(times: number): boolean {
    return this.below(times) === 0;
  }

  /** One of the items. */
  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('there is nothing to pick from');
    return item;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.u32();
    return bytes;
  }
}
