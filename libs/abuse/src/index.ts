/** Abuse control: budgets, penalties, bans. */
export {
  type AbuseControl,
  type Arrival,
  OFFENCES,
  type Offence,
  type TurnedAway,
  type Visitor,
} from './abuse-control.ts';
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
export {
  authorSubject,
  keySubject,
  type Standing,
  STANDINGS,
  type SubjectName,
} from './subject.ts';
