/** What the user reads: a line per check, and the count at the end. */
import type { Rule } from './check.ts';
import type { CheckResult } from './runner.ts';

const WORD = { passed: 'ok  ', failed: 'FAIL', skipped: 'skip' } as const;
const NAME_COLUMNS = 40;

/** A rule as it is cited. */
export function citeRule({ section, isReading }: Rule): string {
  return isReading ? `${section}; our reading` : section;
}

/** One check on one line. */
export function resultLine({ check, outcome, detail }: CheckResult): string {
  const name = check.name.padEnd(NAME_COLUMNS);
  const text = detail === undefined ? check.title : `${check.title}: ${detail}`;
  return `${WORD[outcome]} ${name} ${text.replaceAll(/\s+/g, ' ')} [${citeRule(check.rule)}]`;
}

/** How many went which way. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Counts outcomes. */
export function totalsOf(results: readonly CheckResult[]): Totals {
  const count = (outcome: CheckResult['outcome']): number =>
    results.filter((result) => result.outcome === outcome).length;
  return { passed: count('passed'), failed: count('failed'), skipped: count('skipped') };
}

/** The last line. */
export function totalsLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

/** Everything as one JSON document. */
export function jsonReport(url: string, results: readonly CheckResult[]): string {
  const checks = results.map(({ check: { name, rule, title }, outcome, detail, durationMs }) => ({
    name,
    outcome,
    ...(detail === undefined ? {} : { detail }),
    title,
    section: rule.section,
    isReading: rule.isReading,
    durationMs,
  }));
  return JSON.stringify({ url, ...totalsOf(results), checks }, undefined, 2);
}
