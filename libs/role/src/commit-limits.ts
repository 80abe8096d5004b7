/**
 * Every bound of group commit in one table: what is counted, how much is allowed, and what happens
 * beyond it. docs/limits.md is made from it.
 */

/** What may wait for a commit; beyond it more is refused with `commit-busy`. */
export interface CommitBounds {
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** Rows that the entries will take in the index: some ten each, thousands for many tags. */
  readonly rowsMax: number;
}

/** One bound. */
export interface CommitLimit {
  readonly value: number;
  /** What is counted. */
  readonly what: string;
  /** What happens beyond it. */
  readonly overflow: string;
}

/** The names of the bounds. */
export type CommitLimitName =
  | 'waitingEntriesMax'
  | 'waitingBytesMax'
  | 'waitingRowsMax'
  | 'commitEntriesMax'
  | 'commitBytesMax'
  | 'commitRowsMax';

const REFUSED = 'the submission is answered with TOO_FAST';
const NEXT_COMMIT = 'the rest goes into the next commit; what came together stays together';

/** Every bound with its value, for each role. */
export const COMMIT_LIMIT_TABLE: Readonly<Record<CommitLimitName, CommitLimit>> = {
  waitingEntriesMax: { value: 16_384, what: 'records that wait for a commit', overflow: REFUSED },
  waitingBytesMax: {
    value: 67_108_864,
    what: 'bytes of the records that wait for a commit',
    overflow: REFUSED,
  },
  waitingRowsMax: {
    value: 262_144,
    what: 'index rows of the records that wait for a commit: some ten each, thousands for many tags',
    overflow: REFUSED,
  },
  commitEntriesMax: { value: 4_096, what: 'records of one commit', overflow: NEXT_COMMIT },
  commitBytesMax: { value: 8_388_608, what: 'bytes of one commit', overflow: NEXT_COMMIT },
  commitRowsMax: {
    value: 40_960,
    what: 'index rows of one commit: those of 4 096 records with few tags',
    overflow: NEXT_COMMIT,
  },
};

/** What may wait for a commit unless somebody says otherwise. */
export const COMMIT_BOUNDS: CommitBounds = {
  entriesMax: COMMIT_LIMIT_TABLE.waitingEntriesMax.value,
  bytesMax: COMMIT_LIMIT_TABLE.waitingBytesMax.value,
  rowsMax: COMMIT_LIMIT_TABLE.waitingRowsMax.value,
};
