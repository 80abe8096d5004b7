/** Remembers what is damaged in the segments, so that what the index finds there is judged by itself. */
import type { SegmentDamage } from '@mosaic-cluster/store';

/** Damage that is remembered; beyond it records in damaged places count as not there. */
const DAMAGES_MAX = 10_000;

/** Damaged stretches, by segment. */
export class DamageMap {
  readonly #kept: SegmentDamage[];
  readonly #bySegment = new Map<string, SegmentDamage[]>();

  /** @param kept grows with what is added: a part of the state that is saved */
  constructor(kept: SegmentDamage[]) {
    this.#kept = kept;
    for (const damage of kept) this.#file(damage);
  }

  add(damage: SegmentDamage): void {
    if (this.#kept.length >= DAMAGES_MAX) return;
    this.#kept.push(damage);
    this.#file(damage);
  }

  /** Whether a byte of a segment lies in something damaged. */
  hits({ segment, offset }: { readonly segment: string; readonly offset: number }): boolean {
    const damages = this.#bySegment.get(segment);
    return damages?.some((each) => offset >= each.offset && offset < each.end) ?? false;
  }

  #file(damage: SegmentDamage): void {
    const known = this.#bySegment.get(damage.segment);
    if (known === undefined) this.#bySegment.set(damage.segment, [damage]);
    else known.push(damage);
  }
}
