/** How a bound is written down: every table of bounds in the gateway has rows of this shape. */

/** One bound. */
export interface LimitSpec {
  readonly value: number;
  /** What is counted. */
  readonly what: string;
  /** What happens beyond it. */
  readonly overflow: string;
}
