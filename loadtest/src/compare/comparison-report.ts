/** A comparison for people: a table per scenario, and how it stands with the aims. */
import { alignRows, formatNumber } from '../report/table.ts';
import type { Comparison, ComparisonResult, SystemFigures } from './compare.ts';

/** A record's processor time in a cluster, without the S3 server, by that of the embedded server. */
const INGEST_RATIO_MAX = 2;
/** Ingest with two workers by that with one, where there are cores for both. */
export const SCALING_MIN = 1.6;
/** Not counted: what serves the objects differs from installation to installation. */
const APART = 'S3';

/** Lines of the report. */
export function renderComparison({ comparisons, idling }: ComparisonResult): string[] {
  const lines: string[] = [];
  for (const comparison of comparisons) lines.push(...renderOne(comparison), '');
  const used = idling.map(({ system, cpuMicrosPerSecond }) => {
    return `${system} ${formatNumber(cpuMicrosPerSecond / 1000)}`;
  });
  lines.push(`With nothing to do, ms of processor time a second: ${used.join('; ')}.`);
  return lines;
}

function renderOne(comparison: Comparison): string[] {
  const { scenario, systems } = comparison;
  const groups = systems.flatMap(({ cpuMicrosBy }) => Object.keys(cpuMicrosBy));
  const names = [...new Set(groups)];
  const head = ['', 'per second', 'p50 ms', 'CPU µs each', '× embedded', ...names];
  const rows = systems.map((each) => {
    const { system, figures, cpuMicrosBy } = each;
    return [
      system,
      formatNumber(figures.perSecond),
      formatNumber(figures.p50Ms),
      formatNumber(ownMicros(each)),
      formatNumber(ratioOf(comparison, each)),
      ...names.map((name) => formatNumber(cpuMicrosBy[name])),
    ];
  });
  const aims = aimsOf(comparison);
  return [`${scenario.title}, per ${scenario.unit}`, ...alignRows([head, ...rows], [0]), ...aims];
}

/** Processor time per operation of everything but the S3 server. */
function ownMicros({ figures, cpuMicrosBy }: SystemFigures): number | undefined {
  const { cpuMicrosEach } = figures;
  return cpuMicrosEach === undefined ? undefined : cpuMicrosEach - (cpuMicrosBy[APART] ?? 0);
}

function ratioOf({ systems }: Comparison, each: SystemFigures): number | undefined {
  const own = ownMicros(each);
  const embedded = ownMicros(systems[0]!);
  return own === undefined || embedded === undefined ? undefined : own / embedded;
}

function aimsOf(comparison: Comparison): string[] {
  const { scenario, systems } = comparison;
  if (scenario.name !== 'ingest') return [];
  const lines = systems.slice(1).map((each) => {
    const ratio = ratioOf(comparison, each) ?? Number.NaN;
    return `aim, ${each.system}: ≤ ${INGEST_RATIO_MAX} × embedded: ${verdict(ratio <= INGEST_RATIO_MAX)}`;
  });
  const [, one, two] = systems;
  if (one?.figures.perSecond === undefined || two?.figures.perSecond === undefined) return lines;
  const scaling = two.figures.perSecond / one.figures.perSecond;
  return [
    ...lines,
    `${two.system} takes ${formatNumber(scaling)} × the records of ${one.system}; ` +
      `aim, with a core for each: ≥ ${SCALING_MIN}: ${verdict(scaling >= SCALING_MIN)}`,
  ];
}

function verdict(isReached: boolean): string {
  return isReached ? 'reached' : 'MISSED';
}

/** The same as data. */
export function comparisonJson(result: ComparisonResult): Readonly<Record<string, unknown>> {
  return {
    idling: result.idling,
    scenarios: result.comparisons.map((comparison) => ({
      name: comparison.scenario.name,
      title: comparison.scenario.title,
      unit: comparison.scenario.unit,
      systems: comparison.systems.map((each) => ({
        ...each,
        cpuMicrosWithoutS3: ownMicros(each),
        timesEmbedded: ratioOf(comparison, each),
      })),
    })),
  };
}
