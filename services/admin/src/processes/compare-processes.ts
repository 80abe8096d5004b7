/** Says in which rules processes differ that should be alike, and which rules most of them go by. */
import {
  type BudgetTable,
  type ProcessReport,
  type ReportingProcess,
  STANDINGS,
  SUBJECT_KINDS,
} from '@mosaic-cluster/abuse';
import { count } from '@mosaic-cluster/client/command';
import { limitsOf } from '../limits/budget-lines.ts';

/** A rule that is not the same in all processes that should have it alike. */
export interface Difference {
  /** A setting. */
  readonly name: string;
  /** Such as `gateways`, or `processes`. */
  readonly among: string;
  /** What they have, the most frequent first. */
  readonly values: readonly { readonly value: string; readonly processes: readonly string[] }[];
}

/** What every process must have alike, gateway or worker. */
const SHARED_RULES: ReadonlySet<string> = new Set(['MOSAIC_LIMITS', 'MOSAIC_FUTURE_MAX']);
/** Cells of budgets that are named where tables differ. */
const CELLS_TOLD = 3;

/** A process, as people look for it. */
export function processName({ service, host, pid }: ReportingProcess): string {
  return `${service} on ${host}, process ${pid}`;
}

/** The rules in which processes differ. */
export function differences(reports: readonly ProcessReport[]): Difference[] {
  const usual = usualBudgets(reports);
  const found = [
    differenceIn('MOSAIC_BUDGETS', 'processes', reports, ({ budgets }) =>
      cellsText(usual!, budgets),
    ),
    differenceIn('MOSAIC_USERS', 'processes', reports, ({ users }) =>
      users.count === 0 ? 'nobody' : `${count(users.count, 'user')} (${users.digest})`,
    ),
  ];
  const names = new Set(reports.flatMap(({ rules }) => Object.keys(rules)));
  const services = new Set(reports.map(({ process }) => process.service));
  for (const name of names) {
    if (SHARED_RULES.has(name)) found.push(ofRule(name, 'processes', reports));
    else {
      for (const service of services) {
        const some = reports.filter(({ process }) => process.service === service);
        found.push(ofRule(name, `${service} processes`, some));
      }
    }
  }
  for (const service of services) {
    const some = reports.filter(({ process }) => process.service === service);
    found.push(
      differenceIn('version', `${service} processes`, some, ({ process }) => process.version),
    );
  }
  return found.flatMap((difference) => difference ?? []);
}

function ofRule(
  name: string,
  among: string,
  reports: readonly ProcessReport[],
): Difference | undefined {
  const some = reports.filter(({ rules }) => rules[name] !== undefined);
  return differenceIn(name, among, some, ({ rules }) => rules[name]!);
}

function differenceIn(
  name: string,
  among: string,
  reports: readonly ProcessReport[],
  valueOf: (report: ProcessReport) => string,
): Difference | undefined {
  const byValue = new Map<string, string[]>();
  for (const report of reports) {
    const value = valueOf(report);
    const some = byValue.get(value) ?? [];
    some.push(processName(report.process));
    byValue.set(value, some);
  }
  if (byValue.size < 2) return undefined;
  const values = Array.from(byValue, ([value, processes]) => ({ value, processes }));
  values.sort((a, b) => b.processes.length - a.processes.length);
  return { name, among, values };
}

/** A difference in a sentence. */
export function differenceText({ name, among, values }: Difference): string {
  const all = values.reduce((sum, { processes }) => sum + processes.length, 0);
  const [most, ...others] = values;
  const said = others.map(({ value, processes }) => {
    const who = processes.slice(0, 3).join('; ');
    const more = processes.length > 3 ? `; and ${processes.length - 3} more` : '';
    return `${processes.length} of ${all} ${among} have ${name} ${value} (${who}${more})`;
  });
  return `${said.join('; ')}; the others ${most!.value}`;
}

/** The table of budgets that most gateways go by, or workers where there are none; undefined: nobody told. */
export function usualBudgets(reports: readonly ProcessReport[]): BudgetTable | undefined {
  const gateways = reports.filter(({ process }) => process.service === 'gateway');
  const some = gateways.length > 0 ? gateways : reports;
  const tables = new Map<string, { table: BudgetTable; times: number }>();
  for (const { budgets } of some) {
    const text = textOf(budgets);
    const known = tables.get(text);
    if (known === undefined) tables.set(text, { table: budgets, times: 1 });
    else known.times += 1;
  }
  const [first] = [...tables.values()].toSorted((a, b) => b.times - a.times);
  return first?.table;
}

function textOf(table: BudgetTable): string {
  return cells(table)
    .map(({ path, size }) => `${path}=${size}`)
    .join();
}

function cellsText(usual: BudgetTable, own: BudgetTable): string {
  const expected = cells(usual);
  const others = cells(own).filter(({ size }, i) => size !== expected[i]!.size);
  if (others.length === 0) return 'as most';
  const named = others.slice(0, CELLS_TOLD).map(({ path, size }) => `${path}=${size}`);
  const more = others.length > CELLS_TOLD ? ` and ${others.length - CELLS_TOLD} more` : '';
  return `${named.join(' ')}${more}`;
}

/** Every size as `MOSAIC_BUDGETS` writes it. */
function cells(table: BudgetTable): { readonly path: string; readonly size: string }[] {
  return SUBJECT_KINDS.flatMap((kind) =>
    STANDINGS.flatMap((standing) =>
      limitsOf(table, kind, standing).map(({ what, limit, ratePerSecond }) => {
        const size = ratePerSecond === undefined ? `${limit}` : `${ratePerSecond}/s:${limit}`;
        const path = `${what}.${kind}.${standing}`;
        return { path, size: limit === Number.POSITIVE_INFINITY ? 'off' : size };
      }),
    ),
  );
}
