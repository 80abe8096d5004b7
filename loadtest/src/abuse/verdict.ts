/** What a trial's figures amount to: whether honest clients, memory and budgets held. */
import { SUBMISSION_BUDGET } from './attack.ts';
import { totalOf } from './attacker/tally.ts';
import { HONEST_OPERATIONS, type HonestOperation } from './honest/honest-figures.ts';
import type { Trial } from './trial.ts';

/** A thing that a trial is judged by. */
export interface Judgement {
  readonly what: string;
  readonly isHeld: boolean;
  /** The figures behind it. */
  readonly why: string;
}

/** How much slower honest clients may be served than while it is quiet. */
export const SLOWER_MAX = 2;
/** Below this much nobody notices, and chance decides on a machine that does other things. */
export const UNNOTICED_MS = 10;
/** More than this is not put down to chance. */
const CHANCE_MAX = 3;
/** What a server may hold more under attack: unfinished messages of a whole listener, and room. */
export const MORE_BYTES_MAX: number = 256 * 2 ** 20;
/** What two gateways may give out together, in budgets. */
export const BUDGETS_MAX = 1.1;
/** Samples below which there is no 99th percentile. */
const SAMPLES_MIN = 20;

const MIB = 2 ** 20;

/** Judges a trial by facts that hold on any machine, and by how long things took. */
export function judge(trial: Trial): Judgement[] {
  return [...judgeFacts(trial), ...judgeLatency(trial)];
}

/** The facts. */
export function judgeFacts(trial: Trial): Judgement[] {
  const { attacked, quiet } = trial;
  const { honest } = attacked;
  const failures = [...honest.failures].map(([why, count]) => `${count} × ${why}`);
  const before = Math.max(...quiet.map(({ usage }) => usage.ownBytesMax));
  const more = attacked.usage.ownBytesMax - before;
  return [
    {
      what: 'honest success',
      isHeld: honest.success === 1,
      why: [`${honest.succeeded} served`, ...failures].join('; '),
    },
    {
      what: 'memory',
      isHeld: more <= MORE_BYTES_MAX,
      why: `${Math.round(more / MIB)} MiB more at the most, ${MORE_BYTES_MAX / MIB} allowed`,
    },
    ...judgeAim(trial),
  ];
}

function judgeAim(trial: Trial): Judgement[] {
  const { aim } = trial.attack;
  const refused = totalOf(trial.attacker.refused);
  if (aim === 'endured') return [];
  if (aim === 'all-served' || aim === 'all-in') return [judgeCrowd(trial)];
  if (aim === 'refused') {
    return [{ what: 'refused', isHeld: refused > 0, why: `${refused} of the attacker's refused` }];
  }
  const budgets = aim === 'one-budget' ? 1 : trial.gateways;
  const factor = budgetFactor(trial);
  const why = `${factor.toFixed(2)} budgets, ${(budgets * BUDGETS_MAX).toFixed(1)} allowed`;
  const isHeld = factor <= budgets * BUDGETS_MAX && refused > 0;
  return [{ what: 'budget', isHeld, why }];
}

/** Whether a crowd was served. */
function judgeCrowd({ attack, attacker }: Trial): Judgement {
  const { people = 0 } = attack;
  const inside = attacker.accepted['inside'] ?? 0;
  const refused = Object.entries(attacker.refused).filter(
    ([how]) => attack.aim === 'all-served' || how.endsWith('BANNED'),
  );
  const said = refused.map(([how, count]) => `; ${count} × ${how}`).join('');
  const isHeld = inside >= people && refused.length === 0;
  return { what: 'crowd', isHeld, why: `${inside} of ${people} are in${said}` };
}

/** How much the attacker got, in budgets of submissions. */
export function budgetFactor({ attacker }: Pick<Trial, 'attacker'>): number {
  const { perSecond, burst } = SUBMISSION_BUDGET;
  const budget = burst + (perSecond * attacker.elapsedMs) / 1000;
  // What a worker could not store was paid for all the same.
  const { accepted, refused } = attacker;
  return ((accepted['ACCEPTED'] ?? 0) + (refused['TEMPORARY_ERROR'] ?? 0)) / budget;
}

/** How long honest operations took, one judgement for each kind of them. */
export function judgeLatency(trial: Trial): Judgement[] {
  // While something is broken, it decides how long things take.
  if (trial.attack.breaks !== undefined) return [];
  return HONEST_OPERATIONS.filter((name) => name !== 'arrival').map((name) => {
    const quiet = quietP99(trial, name);
    // What chance alone makes of a percentile is no verdict on the server.
    const spread = Math.max(...quiet) / Math.max(Math.min(...quiet), 0.001);
    const chance = Math.min(spread, CHANCE_MAX);
    const { waitMaxMs = UNNOTICED_MS } = trial.attack;
    const max = Math.max(waitMaxMs, SLOWER_MAX * Math.max(...quiet) * chance);
    const latency = trial.attacked.honest.latency[name];
    const p99 = latency.quantile(0.99) / 1000;
    const isHeld = p99 <= max && latency.total >= SAMPLES_MIN;
    return {
      what: `${name} p99`,
      isHeld,
      why:
        `${p99.toFixed(1)} ms, quiet ${quiet.map((ms) => ms.toFixed(1)).join(' and ')}; ` +
        `${max.toFixed(1)} allowed, for chance alone made ${spread.toFixed(1)} ×`,
    };
  });
}

/** The 99th percentiles of both quiet phases, in milliseconds. */
export function quietP99(trial: Trial, name: HonestOperation): [number, number] {
  const [first, second] = trial.quiet;
  const of = (phase: Trial['attacked']): number => phase.honest.latency[name].quantile(0.99) / 1000;
  return [of(first), of(second)];
}
