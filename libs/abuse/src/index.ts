/** Abuse control: budgets, penalties, bans. */
export {
  type AbuseControl,
  type Arrival,
  OFFENCES,
  type Offence,
  type TurnedAway,
  type Visitor,
} from './abuse-control.ts';
export { type AbuseCounters, TURN_AWAY_RESULTS } from './abuse-counters.ts';
export { addressGroup, addressNetwork, normalizeAddress } from './address.ts';
export {
  BUDGET_WORDS,
  type BudgetSize,
  type BudgetTable,
  DEFAULT_BUDGETS,
  QUERY_BYTES_PER_ENTRY,
  queryCost,
  renderBudgetsMarkdown,
  SUBJECT_KINDS,
  type SubjectKind,
} from './budget-table.ts';
export { budgetSettings, userProblems } from './budget-settings.ts';
export { parseBudgets } from './budget-syntax.ts';
export {
  type AddressRange,
  assertAddressRange,
  formatAddressRange,
  maskAddress,
  parseAddress,
  parseAddressRange,
} from './address-range.ts';
export { BanBook, type BanBookOptions, changedKeys, type Verdict } from './ban-book.ts';
export {
  BAN_ADDED_BY_BYTES_MAX,
  BAN_COLLECTIONS,
  BAN_REASON_BYTES_MAX,
  type BanCollection,
  type BanFact,
  Bans,
  type BanSubject,
  banChange,
  banRemoval,
  decodeBan,
  formatBanSubject,
  isKeySubject,
  type NewBan,
} from './ban-facts.ts';
export {
  type AbuseControlOptions,
  type CountedAbuseControl,
  createAbuseControl,
} from './create-abuse-control.ts';
export {
  BUDGETS,
  type BudgetName,
  type Charge,
  type EarnedBan,
  type Exceeded,
  HOLDINGS,
  type HoldingName,
  type Limiter,
  type SubjectReport,
  type Usage,
} from './limiter.ts';
export { type LimiterClock, systemClock } from './limiter-clock.ts';
export { createMemoryLimiter, type LimiterOptions } from './limiter-memory.ts';
export {
  ASKED_SUBJECTS_MAX,
  ASKED_USERS_MAX,
  decodeReport,
  encodeQuestion,
  type LimiterReport,
  type ProcessQuestion,
  type ProcessReport,
  ProcessReporter,
  type ProcessReporterOptions,
  REPORTED_USES_MAX,
  type ReportingProcess,
} from './process-report.ts';
export { renderOffencesMarkdown } from './offence-points.ts';
export { shareOf } from './account-usage.ts';
export { openRedisLimiter, type RedisLimiterOptions } from './limiter-redis.ts';
export { DEFAULT_PENALTY_RULES, type PenaltyRules, resolvePenaltyRules } from './penalty-rules.ts';
export {
  type AlwaysRegistered,
  alwaysRegistered,
  isOneRegistered,
  REGISTERED_COLLECTION,
} from './registered.ts';
export { submissionsOfRows } from './submission-cost.ts';
export {
  addressSubjects,
  authorSubject,
  keySubject,
  type Standing,
  STANDINGS,
  type SubjectName,
} from './subject.ts';
