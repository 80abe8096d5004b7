/** Says how a cluster grows with its workers, and what it was limited by. */
import { alignRows, formatNumber } from '../report/table.ts';
import { SCALING_MIN } from './comparison-report.ts';
import type { ScalingCase, ScalingRun } from './scaling.ts';

const MICROS_A_SECOND = 1e6;

/** Lines of the report; the smallest size first. */
export function renderScaling(cases: readonly ScalingCase[]): string[] {
  const one = cases[0]!;
  const two = cases.at(-1)!;
  const kinds = Object.keys(one.figures.microsBy);
  const rates = alignRows(
    [
      ['ingest', 'per second', 'p50 ms', 'CPU µs each', ...kinds, 'generator'],
      ...cases.map(({ size, figures }) => [
        nameOf(size),
        formatNumber(figures.perSecond),
        formatNumber(figures.p50Ms),
        formatNumber(ownMicros(figures)),
        ...kinds.map((kind) => formatNumber(figures.microsBy[kind])),
        formatNumber(figures.generatorMicros),
      ]),
    ],
    [0],
  );
  const uses = alignRows(
    [
      ['processors used by', 'cluster', 'generator', 'others', 'nobody'],
      ...cases.map(({ size, figures: { coresBy } }) => [
        nameOf(size),
        ...[coresBy.cluster, coresBy.generator, coresBy.others, coresBy.idle].map(formatNumber),
      ]),
    ],
    [0],
  );
  const times = two.figures.perSecond / one.figures.perSecond;
  const verdict = times >= SCALING_MIN ? 'reached' : 'MISSED';
  return [
    ...rates,
    '',
    ...uses,
    '',
    `${nameOf(two.size)} take ${formatNumber(times)} × the records of ${nameOf(one.size)}; ` +
      `aim ≥ ${SCALING_MIN}: ${verdict}`,
    ...limitsOf(one, two),
  ];
}

/** What the machine gave, and what it would come to where nobody else used it. */
function limitsOf(one: ScalingCase, two: ScalingCase): string[] {
  const perCore = ({ figures }: ScalingCase): number =>
    figures.perSecond / (figures.coresBy.cluster + figures.coresBy.generator);
  const most = ({ size, figures }: ScalingCase): number =>
    (size * MICROS_A_SECOND) / (ownMicros(figures) + figures.generatorMicros);
  const had = (each: ScalingCase): string =>
    `${formatNumber(each.figures.coresBy.cluster + each.figures.coresBy.generator)} of ${each.size}`;
  return [
    `Cluster and generator had ${had(one)} processors and ${had(two)}. For each that they had: ` +
      `${formatNumber(perCore(one))} and ${formatNumber(perCore(two))} records a second ` +
      `(${formatNumber(perCore(two) / perCore(one))} ×).`,
    `With nothing to do they take ${idleOf(one)} and ${idleOf(two)} of processor time a second: ` +
      `${share(one)} and ${share(two)} µs of each record at these rates.`,
    `By processor time alone, all processors to themselves: ${formatNumber(most(one))} and ` +
      `${formatNumber(most(two))} records a second (${formatNumber(most(two) / most(one))} ×).`,
  ];
}

function idleOf({ figures }: ScalingCase): string {
  return `${formatNumber(figures.idleMicrosPerSecond / 1_000)} ms`;
}

/** What being there takes of each record: the less, the more there are in a second. */
function share({ figures: { idleMicrosPerSecond, perSecond } }: ScalingCase): string {
  return formatNumber(idleMicrosPerSecond / perSecond);
}

function ownMicros({ microsBy }: ScalingRun): number {
  return Object.values(microsBy).reduce((sum, each) => sum + each, 0);
}

function nameOf(size: number): string {
  return size === 1 ? '1 worker on 1 core' : `${size} workers on ${size} cores`;
}
