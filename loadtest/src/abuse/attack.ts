/** What an attack is, and what it has to work with in the attacker's process. */
import type { SigningTools } from '@mosaic-cluster/protocol';
import type { ServerAddress } from '../generator/server-address.ts';
import type { Tally } from './attacker/tally.ts';

/** Which server it takes. */
export type AttackPlace = 'any' | 'embedded' | 'cluster';

/** What an attacker has. */
export interface Attacker {
  /** The listeners under attack, one of each gateway, seen from the attacker's address. */
  readonly gateways: readonly ServerAddress[];
  readonly tally: Tally;
  /** Ends the attack. */
  readonly signal: AbortSignal;
  readonly tools: Required<SigningTools>;
}

/** What must come of an attack besides the safety of honest clients. */
export type AttackAim =
  /** Something of it is refused: a limit or a rule notices it. */
  | 'refused'
  /** What is accepted is no more than 1.1 times one budget of submissions. */
  | 'one-budget'
  /** No more than 1.1 times one budget for each gateway: they cannot know of each other. */
  | 'budget-per-gateway'
  /** It is none: so many people are in, and nothing of what they do is refused. */
  | 'all-served'
  /** So many people are in at the end, however often they had to try; nobody is banned. */
  | 'all-in'
  /** Nothing: holding out is enough. */
  | 'endured';

/** An attack. */
export interface Attack {
  readonly name: string;
  /** For people, in a line. */
  readonly title: string;
  readonly place: AttackPlace;
  readonly aim: AttackAim;
  /** How many people it is, where they must be served. */
  readonly people?: number;
  /** Less time than this says nothing. */
  readonly secondsMin?: number;
  /** How long it may have others wait, in milliseconds, where that is not what quiet times say. */
  readonly waitMaxMs?: number;
  /** Settings of the server, or of the gateways of a cluster. */
  readonly settings?: Readonly<Record<string, string>>;
  /** It proves a key of its own, and so shares a budget with unknown keys at its address. */
  readonly provesKeys?: boolean;
  /** Records that the store holds before. */
  readonly storeRecords?: number;
  /** What breaks on the server's side while the attack goes on. */
  readonly breaks?: 'redis-stopped' | 'redis-frozen' | 'policy-hook';
  /** Runs in the attacker's process until the signal ends it; everything it opened is closed then. */
  run(attacker: Attacker): Promise<void>;
}

/** Settings with which budgets are as they come. */
export const USUAL_BUDGETS = { MOSAIC_BUDGETS: '' } as const;

/** What an address may submit in trials. */
export const SUBMISSION_BUDGET = { perSecond: 20, burst: 400 } as const;

/**
 * Budgets of addresses in trials: the usual rates, or less, with bursts that seconds use up. With the
 * usual bursts most attacks would be over before anything is refused.
 */
export const TRIAL_BUDGETS: string = [
  `submissions.address.anonymous=${SUBMISSION_BUDGET.perSecond}/s:${SUBMISSION_BUDGET.burst}`,
  'submissions.address.authenticated=40/s:800',
  'messages.address.anonymous=500/s:4000',
  'bytes.address.anonymous=1MiB/s:8MiB',
  'query.address.anonymous=20000/s:200000',
  'connects.address.anonymous=20/s:600',
  'connections.address.anonymous=500',
].join(', ');
