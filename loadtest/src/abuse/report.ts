/** Trials for people, as a table and sentences, and for programs, as JSON. */
import { alignRows, formatNumber } from '../report/table.ts';
import { totalOf } from './attacker/tally.ts';
import {
  HONEST_OPERATIONS,
  type HonestFigures,
  type HonestOperation,
} from './honest/honest-figures.ts';
import type { Trial } from './trial.ts';
import { budgetFactor, judge, type Judgement, quietP99 } from './verdict.ts';

const MIB = 2 ** 20;
const OUTCOMES_SHOWN = 4;

/** A line of each attack: honest latency quiet and under attack, the attacker's lot, the server's. */
export function renderTable(trials: readonly Trial[]): string[] {
  const head = [
    'attack',
    ...HONEST_OPERATIONS.map((name) => `${name} ms`),
    'honest',
    'accepted',
    'refused',
    'server CPU %',
    'MiB',
    'attacker CPU %',
    'verdict',
  ];
  const rows = trials.map((trial) => {
    const { attack, quiet, attacked, attacker } = trial;
    const cpu = (micros: number): string => (micros / 10_000).toFixed(0);
    const quietCpu = (quiet[0].usage.cpuMicrosPerSecond + quiet[1].usage.cpuMicrosPerSecond) / 2;
    const memory = [
      Math.max(...quiet.map(({ usage }) => usage.ownBytesMax)),
      attacked.usage.ownBytesMax,
      trial.ownBytesAfter,
    ];
    const seconds = attacker.elapsedMs / 1000;
    return [
      attack.name,
      ...HONEST_OPERATIONS.map((name) => latencyCell(trial, name)),
      `${(attacked.honest.success * 100).toFixed(attacked.honest.success === 1 ? 0 : 2)} %`,
      `${totalOf(attacker.accepted)}`,
      `${totalOf(attacker.refused)}`,
      `${cpu(quietCpu)} → ${cpu(attacked.usage.cpuMicrosPerSecond)}`,
      memory.map((bytes) => Math.round(bytes / MIB)).join(' → '),
      cpu(attacker.cpuMicros / seconds),
      verdictCell(judge(trial)),
    ];
  });
  return alignRows([head, ...rows], [0, head.length - 1]);
}

function latencyCell(trial: Trial, name: HonestOperation): string {
  const quiet = trial.quiet.map(({ honest }) => honest);
  const both = quiet[0]!.latency[name];
  const p50 = Math.max(both.quantile(0.5), quiet[1]!.latency[name].quantile(0.5)) / 1000;
  const p99 = Math.max(...quietP99(trial, name));
  return `${pair(p50, p99)} → ${latencyOf(trial.attacked.honest, name)}`;
}

function latencyOf({ latency }: HonestFigures, name: HonestOperation): string {
  return pair(latency[name].quantile(0.5) / 1000, latency[name].quantile(0.99) / 1000);
}

function pair(p50: number, p99: number): string {
  return `${formatNumber(p50)}/${formatNumber(p99)}`;
}

function verdictCell(judgements: readonly Judgement[]): string {
  const broken = judgements.filter(({ isHeld }) => !isHeld).map(({ what }) => what);
  return broken.length === 0 ? 'held' : `BROKEN: ${broken.join(', ')}`;
}

/** What one attack came to, in some lines. */
export function renderTrial(trial: Trial): string[] {
  const { attack, attacker } = trial;
  const seconds = attacker.elapsedMs / 1000;
  return [
    `${attack.name}: ${attack.title}`,
    `  attacker: ${attacker.sent} in ${seconds.toFixed(1)} s; accepted ${outcomes(attacker.accepted)}; ` +
      `refused ${outcomes(attacker.refused)}`,
    ...(attack.aim === 'one-budget' || attack.aim === 'budget-per-gateway'
      ? [`  it got ${budgetFactor(trial).toFixed(2)} budgets through ${trial.gateways} gateways`]
      : []),
    ...judge(trial).map(
      ({ what, isHeld, why }) => `  ${isHeld ? 'held' : 'BROKEN'}: ${what}: ${why}`,
    ),
  ];
}

function outcomes(counts: Readonly<Record<string, number>>): string {
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  if (sorted.length === 0) return 'nothing';
  const shown = sorted.slice(0, OUTCOMES_SHOWN).map(([name, count]) => `${count} ${name}`);
  const rest = sorted.slice(OUTCOMES_SHOWN).reduce((sum, [, count]) => sum + count, 0);
  return [...shown, ...(rest > 0 ? [`${rest} other`] : [])].join(', ');
}

/** A trial as JSON. */
export function trialJson(trial: Trial): Readonly<Record<string, unknown>> {
  const { attack, quiet, attacked, attacker, gateways, ownBytesAfter } = trial;
  const judgements = judge(trial);
  return {
    attack: attack.name,
    title: attack.title,
    isHeld: judgements.every(({ isHeld }) => isHeld),
    judgements,
    quiet: quiet.map(({ honest, usage }) => ({ ...honestJson(honest), ...usage })),
    attacked: { ...honestJson(attacked.honest), ...attacked.usage },
    attacker,
    gateways,
    ownBytesAfter,
  };
}

function honestJson(figures: HonestFigures): Readonly<Record<string, unknown>> {
  const latency = HONEST_OPERATIONS.map((name) => {
    const histogram = figures.latency[name];
    const ms = (share: number): number => histogram.quantile(share) / 1000;
    return [name, { count: histogram.total, p50Ms: ms(0.5), p99Ms: ms(0.99) }] as const;
  });
  return {
    success: figures.success,
    failures: Object.fromEntries(figures.failures),
    latency: Object.fromEntries(latency),
  };
}
