/** What abuse control counts about itself; whoever serves metrics reads it from here. */
import { RESULT, type ResultCode } from '@mosaic-cluster/protocol';
import { type Offence, OFFENCES, type TurnedAway } from './abuse-control.ts';
import { type BudgetName, BUDGETS, type HoldingName, HOLDINGS } from './limiter.ts';

/** Results with which somebody is turned away. */
export const TURN_AWAY_RESULTS: readonly ResultCode[] = [
  RESULT.TOO_FAST,
  RESULT.IP_TEMP_BANNED,
  RESULT.IP_PERM_BANNED,
  RESULT.PUBKEY_TEMP_BANNED,
  RESULT.PUBKEY_PERM_BANNED,
];

/** Figures that only grow. */
export interface AbuseCounters {
  /** What was refused because a budget was used up or too much was open. */
  readonly exceeded: Record<BudgetName | HoldingName, number>;
  /** Connections that were turned away, or ended, with a word. */
  readonly turnedAway: Map<ResultCode, number>;
  /** What was done that leads to penalties, whether it earned points or not. */
  readonly offences: Record<Offence, number>;
  /** Bans earned that this process has heard of. */
  earnedBans: number;
}

/** Counters at zero. */
export function createAbuseCounters(): AbuseCounters {
  return {
    exceeded: zeros([...BUDGETS, ...HOLDINGS]),
    turnedAway: new Map(TURN_AWAY_RESULTS.map((code) => [code, 0])),
    offences: zeros(OFFENCES),
    earnedBans: 0,
  };
}

/** Counts somebody who was turned away. */
export function countTurnedAway({ turnedAway }: AbuseCounters, { result }: TurnedAway): void {
  turnedAway.set(result, (turnedAway.get(result) ?? 0) + 1);
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}
