/**
 * Latencies in constant memory: buckets that grow with the value, so that a quantile is off by less
 * than 1 % whether it is 50 µs or 10 s. Histograms of several runs can be added up.
 */

/** Buckets per power of two; their half is the number of exact buckets' bits. */
const SUB_BUCKETS = 128;
/** Values below this have a bucket of their own. */
const EXACT_VALUES = 2 * SUB_BUCKETS;
const EXACT_BITS = 8;
/** Values from here on are counted as this: some 35 minutes. */
const VALUE_MAX = 2 ** 31 - 1;
const BUCKETS = EXACT_VALUES + (31 - EXACT_BITS) * SUB_BUCKETS;

/** Counts whole microseconds. */
export class Histogram {
  readonly #counts: Uint32Array;
  #total = 0;
  #max = 0;

  /** @param counts what {@link snapshot} gave; absent: nothing counted yet */
  constructor(counts: Uint32Array = new Uint32Array(BUCKETS)) {
    this.#counts = counts.slice();
    for (const [bucket, count] of counts.entries()) {
      if (count === 0) continue;
      this.#total += count;
      this.#max = highestOf(bucket);
    }
  }

  /** Values counted. */
  get total(): number {
    return this.#total;
  }

  /** The largest value; of a restored histogram, the upper end of its bucket. */
  get max(): number {
    return this.#max;
  }

  /** Counts a value; fractions are rounded, what is out of range goes to the nearest bucket. */
  record(micros: number): void {
    const value = Math.min(VALUE_MAX, Math.max(0, Math.round(micros)));
    this.#counts[bucketOf(value)]! += 1;
    this.#total += 1;
    if (value > this.#max) this.#max = value;
  }

  /** Adds all that another one counted. */
  add(other: Histogram): void {
    for (const [bucket, count] of other.#counts.entries()) this.#counts[bucket]! += count;
    this.#total += other.#total;
    this.#max = Math.max(this.#max, other.#max);
  }

  /** The value that a share (0 to 1) of all values does not exceed; 0 where nothing was counted. */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#total));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank) return Math.min(highestOf(bucket), this.#max);
    }
    return 0;
  }

  /** What another process can make a histogram from. */
  snapshot(): Uint32Array {
    return this.#counts.slice();
  }
}

function bucketOf(value: number): number {
  if (value < EXACT_VALUES) return value;
  const exponent = 31 - Math.clz32(value);
  const sub = (value >>> (exponent - EXACT_BITS + 1)) - SUB_BUCKETS;
  return EXACT_VALUES + (exponent - EXACT_BITS) * SUB_BUCKETS + sub;
}

function highestOf(bucket: number): number {
  if (bucket < EXACT_VALUES) return bucket;
  const shift = Math.floor((bucket - EXACT_VALUES) / SUB_BUCKETS) + 1;
  const sub = ((bucket - EXACT_VALUES) % SUB_BUCKETS) + SUB_BUCKETS;
  return (sub + 1) * 2 ** shift - 1;
}
