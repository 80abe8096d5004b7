/** What a role accepts, as its operator wants it: kinds, sizes, ages and how much an author may keep. */
import { type RecordView, RESULT, type ResultCode } from '@mosaic-cluster/protocol';
import type { KindSet } from './kind-set.ts';

/** The rules by the words that stand for them in settings and metrics. */
export const ACCEPT_RULES = ['kinds', 'bytes', 'tags', 'age', 'ahead', 'quota'] as const;
/** One of {@link ACCEPT_RULES}. */
export type AcceptRule = (typeof ACCEPT_RULES)[number];

/** The rules for some authors. What is not said does not hold. */
export interface AcceptBounds {
  readonly kinds?: KindSet;
  /** Most bytes of a record. */
  readonly bytes?: number;
  /** Most tags of a record. */
  readonly tags?: number;
  /** How far back a record may be dated, in milliseconds. */
  readonly age?: number;
  /** How far ahead a record may be dated, in milliseconds. */
  readonly ahead?: number;
  /** Most bytes of records that an author may have. */
  readonly quota?: number;
}

/** The rules of a role. */
export interface AcceptRules {
  /** For everybody. */
  readonly everybody: AcceptBounds;
  /** For registered authors, whatever `everybody` says, if that is less; undefined: the same. */
  readonly registered: AcceptBounds | undefined;
}

/** Where nothing is said. */
export const NO_ACCEPT_RULES: AcceptRules = { everybody: {}, registered: undefined };

/** Why a record is refused. */
export interface RuleRefusal {
  readonly rule: AcceptRule;
  readonly result: ResultCode;
}

/** What each rule answers to what breaks it. */
export const RULE_RESULT: Readonly<Record<AcceptRule, ResultCode>> = {
  kinds: RESULT.UNAUTHORIZED,
  bytes: RESULT.TOO_LARGE,
  tags: RESULT.TOO_LARGE,
  // Nothing is wrong with these: INVALID would have their honest senders banned as forgers.
  age: RESULT.UNAUTHORIZED,
  ahead: RESULT.UNAUTHORIZED,
  quota: RESULT.TOO_LARGE,
};

const NANOS_PER_MS = 1_000_000n;

/**
 * The rule that a record breaks by what it says itself; undefined: none. The quota is judged elsewhere.
 *
 * @param now as a Mosaic timestamp
 */
export function brokenRule(
  record: RecordView,
  { kinds, bytes, tags, age, ahead }: AcceptBounds,
  now: bigint,
): AcceptRule | undefined {
  if (kinds?.has(record.kind) === false) return 'kinds';
  if (bytes !== undefined && record.bytes.length > bytes) return 'bytes';
  if (tags !== undefined && record.tagCount > tags) return 'tags';
  if (age === undefined && ahead === undefined) return undefined;
  const { timestamp } = record;
  if (age !== undefined && timestamp < now - BigInt(age) * NANOS_PER_MS) return 'age';
  if (ahead !== undefined && timestamp > now + BigInt(ahead) * NANOS_PER_MS) return 'ahead';
  return undefined;
}
