/** Every bound of a limiter in one table, from which docs/limits.md is made. */

/** One bound. */
export interface LimiterLimit {
  readonly value: number;
  /** What is counted. */
  readonly what: string;
  /** What happens beyond it. */
  readonly overflow: string;
}

/** The names of the bounds. */
export type LimiterLimitName =
  | 'subjectsMax'
  | 'bansMax'
  | 'refusalWordsMax'
  | 'waitingSubjectsMax'
  | 'callSubjectsMax'
  | 'patienceMs';

/** Every bound with its value. */
export const LIMITER_LIMIT_TABLE: Readonly<Record<LimiterLimitName, LimiterLimit>> = {
  subjectsMax: {
    value: 200_000,
    what: 'addresses, networks, keys and authors that a process knows',
    overflow:
      'one whose budgets are full again is forgotten, else, of sixteen, the one that has spent least, never one that has anything open; where all have, the newcomer is answered with TOO_FAST',
  },
  bansMax: {
    value: 100_000,
    what: 'bans earned by penalties, those counted that ended lately, in a process and on Redis',
    overflow:
      'one that has ended is forgotten; where all are in force the new one is not imposed, and budgets go on to hold',
  },
  refusalWordsMax: {
    value: 32,
    what: 'reasons of refusals that are counted apart for one subject',
    overflow: 'further ones are counted together as `other`',
  },
  waitingSubjectsMax: {
    value: 100_000,
    what: 'subjects of one of eight shards whose spending waits to be told to other processes',
    overflow: 'a further one is told of when it spends again',
  },
  callSubjectsMax: {
    value: 256,
    what: 'subjects that one call to Redis tells of, one call of a shard at a time',
    overflow: 'the rest goes with the next call',
  },
  patienceMs: {
    value: 250,
    what: 'milliseconds that such a call may take',
    overflow:
      'the shard counts as away: limits hold for each process alone until a call is answered, and nothing waits to be told meanwhile',
  },
};
