/** What an attacker did, and what the server made of it. */

/** A tally in a form that goes from process to process. */
export interface TallyFigures {
  /** Connections, messages or requests that the attacker began. */
  readonly sent: number;
  /** Those that the server took or answered as asked, by what it said. */
  readonly accepted: Readonly<Record<string, number>>;
  /** Those that it did not, by what it said or did. */
  readonly refused: Readonly<Record<string, number>>;
}

/** Different outcomes that are counted apart; further ones go together as `other`. */
const NAMES_MAX = 32;

/** Counts by name. */
export class Tally {
  sent = 0;
  readonly #accepted = new Map<string, number>();
  readonly #refused = new Map<string, number>();

  /** Notes something that was served. */
  accepted(outcome: string, count = 1): void {
    add(this.#accepted, outcome, count);
  }

  /** Notes something that was turned down. */
  refused(outcome: string, count = 1): void {
    add(this.#refused, outcome, count);
  }

  /** All of it so far. */
  figures(): TallyFigures {
    return {
      sent: this.sent,
      accepted: Object.fromEntries(this.#accepted),
      refused: Object.fromEntries(this.#refused),
    };
  }
}

function add(counts: Map<string, number>, outcome: string, count: number): void {
  const name = counts.has(outcome) || counts.size < NAMES_MAX ? outcome : 'other';
  counts.set(name, (counts.get(name) ?? 0) + count);
}

/** All counts of a part of a tally together. */
export function totalOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}
