/** The figures as a table for people: ours, what we aim at, and what the peers take. */
import type { ScenarioResult } from '../measure.ts';
import type { FigureName, Figures } from '../scenario.ts';
import { judge, type JudgedAim, PEERS, YARDSTICKS } from './yardsticks.ts';

interface Column {
  readonly head: string;
  readonly isText?: boolean;
  cell(result: ScenarioResult): string;
}

const FIGURE_TEXT: Readonly<Partial<Record<FigureName, string>>> = {
  cpuMicrosEach: 'µs',
  p50Ms: 'ms p50',
  kilobytesEach: 'KB',
};

/** Lines of the table, heads first. */
export function renderTable(
  results: readonly ScenarioResult[],
  signatureCheckMicros: number,
): string[] {
  const columns: readonly Column[] = [
    { head: 'scenario', isText: true, cell: ({ scenario }) => scenario.name },
    figureColumn('per second', 'perSecond'),
    figureColumn('p50 ms', 'p50Ms'),
    figureColumn('p99 ms', 'p99Ms'),
    { head: 'CPU µs each', cell: ({ scenario, figures }) => cpuCell(scenario.name, figures) },
    figureColumn('KB each', 'kilobytesEach'),
    figureColumn('RSS MiB', 'rssMiB'),
    {
      head: 'aim',
      isText: true,
      cell: ({ scenario, figures, error }) => {
        if (error !== undefined) return 'FAILED';
        return judge(scenario.name, figures, signatureCheckMicros).map(aimText).join(', ');
      },
    },
    {
      head: 'peers:',
      isText: true,
      cell: ({ scenario }) => YARDSTICKS[scenario.name]?.peersShow ?? '',
    },
    ...PEERS.map((peer): Column => {
      return {
        head: peer,
        cell: ({ scenario }) => YARDSTICKS[scenario.name]?.peers?.[peer] ?? '',
      };
    }),
  ];
  const rows = [columns.map(({ head }) => head)];
  for (const result of results) rows.push(columns.map((column) => column.cell(result)));
  return alignRows(
    rows,
    columns.flatMap(({ isText }, i) => (isText === true ? i : [])),
  );
}

/** Rows as lines, cells below each other: to the left in the columns given, else to the right. */
export function alignRows(
  rows: readonly (readonly string[])[],
  leftColumns: readonly number[],
): string[] {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  return rows.map((row) => {
    const cells = row.map((text, i) => {
      return leftColumns.includes(i) ? text.padEnd(widths[i]!) : text.padStart(widths[i]!);
    });
    return cells.join('  ').trimEnd();
  });
}

function figureColumn(head: string, figure: FigureName): Column {
  return { head, cell: ({ figures }) => formatNumber(figures?.[figure]) };
}

function cpuCell(scenario: string, figures: Figures | undefined): string {
  const text = formatNumber(figures?.cpuMicrosEach);
  return scenario === 'selective' && text !== '' ? `+${text}` : text;
}

function aimText({ figure, max, isReached }: JudgedAim): string {
  const text = `≤ ${formatNumber(max)} ${FIGURE_TEXT[figure] ?? figure}`;
  if (isReached === undefined) return text;
  return `${text}: ${isReached ? 'reached' : 'MISSED'}`;
}

/** Three digits that count. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined) return '';
  if (Math.abs(value) >= 99.95) return value.toFixed(0);
  return value.toFixed(Math.abs(value) >= 9.995 ? 1 : 2);
}
