/** What a verification found wrong: kept up to a bound, counted beyond it. */

/** What can be wrong, and what an operator does about it. Codes are for programs and stay. */
export const FINDING_KINDS = {
  'segment-damaged': {
    means: 'bytes of a segment are not what was written',
    remedy:
      'restore the segment from a backup; until then its other records are served all the same',
  },
  'record-invalid': {
    means: 'a record is not what its author signed',
    remedy: 'restore the segment from a backup, or find out who wrote to it',
  },
  'log-behind-index': {
    means: 'the index knows of more than the segments hold: acknowledged records are missing',
    remedy: 'restore the newest segments from a backup; to go on with what is left, reindex',
  },
  'index-unusable': {
    means: 'there is no index that can be trusted',
    remedy: 'reindex; or start the server, which makes it anew',
  },
  'index-missing': { means: 'a record of the log is not found by its ID', remedy: 'reindex' },
  'index-wrong': { means: 'the index has a record otherwise than the log', remedy: 'reindex' },
  'index-removed': {
    means: 'the index finds a record that an operator removed',
    remedy: 'a running server takes it out within seconds; where it stays, start the server again',
  },
  'index-path': { means: 'a record is not found on one of its paths', remedy: 'reindex' },
  'index-dangling': { means: 'the index leads to a record that is not there', remedy: 'reindex' },
  'index-count': { means: 'the index counts other records than it has', remedy: 'reindex' },
} as const;

/** One of {@link FINDING_KINDS}. */
export type FindingKind = keyof typeof FINDING_KINDS;

/** Something wrong. Names records by ID and by place, and never says what is in them. */
export interface Finding {
  readonly kind: FindingKind;
  readonly role: string;
  readonly what: string;
  readonly segment?: string;
  /** In bytes from the start of the segment. */
  readonly offset?: number;
  /** The record's ID, in hex; its first 24 bytes where only the index knows it. */
  readonly id?: string;
  /** Name of an index path; never its value, which may be private. */
  readonly path?: string;
}

/** Findings that are kept, and told with `--json`. */
export const FINDINGS_KEPT_MAX = 1000;

/** What was found, in the order in which it was. */
export class Findings {
  readonly kept: Finding[];
  readonly #counts: Map<FindingKind, number>;

  /** @param before of a run that is gone on with */
  constructor(before: { kept: readonly Finding[]; counts: Readonly<Record<string, number>> }) {
    this.kept = [...before.kept];
    this.#counts = new Map(Object.entries(before.counts) as [FindingKind, number][]);
  }

  add(finding: Finding): void {
    this.#counts.set(finding.kind, (this.#counts.get(finding.kind) ?? 0) + 1);
    if (this.kept.length < FINDINGS_KEPT_MAX) this.kept.push(finding);
  }

  /** All of them, those that are not kept included. */
  get total(): number {
    let total = 0;
    for (const count of this.#counts.values()) total += count;
    return total;
  }

  get counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
