/** Says what a verification found: for people, or as one JSON object. */
import { count } from '@mosaic-cluster/client/command';
import type { Holding } from '../place/holding.ts';
import { duration, size } from '../output/progress.ts';
import { FINDING_KINDS, type FindingKind } from './findings.ts';
import type { SignatureChoice } from './record-checks.ts';
import type { RoleCounts, VerifyState } from './verify-state.ts';

/** What is reported on. */
export interface VerifyReport {
  readonly holding: Holding;
  readonly state: VerifyState;
  readonly signatures: SignatureChoice;
  readonly oneIn: number;
}

/** Findings that are told one by one without `--json`. */
const TOLD_MAX = 50;

/** Findings in all. */
export function findingsTotal({ findings }: VerifyState): number {
  return Object.values(findings.counts).reduce((sum, each) => sum + each, 0);
}

/** The report as one line of JSON. */
export function reportJson({ holding, state, signatures, oneIn }: VerifyReport): string {
  const total = findingsTotal(state);
  return `${JSON.stringify({
    type: 'verify',
    of: holding.name,
    whole: total === 0,
    served: holding.servedBy !== undefined,
    signatures,
    oneIn,
    seconds: Math.round(state.seconds * 1000) / 1000,
    roles: Object.fromEntries(
      Object.entries(state.roles).map(([role, { counts }]) => [role, counts]),
    ),
    found: state.findings.counts,
    findings: state.findings.kept,
    untold: total - state.findings.kept.length,
  })}\n`;
}

/** The report for people. */
export function reportText(report: VerifyReport): string {
  const { state, holding } = report;
  const lines: string[] = [];
  for (const [role, { counts }] of Object.entries(state.roles)) {
    lines.push(role, ...roleLines(counts, report), '');
  }
  if (lines.length === 0) lines.push(`${holding.name} keeps no records yet`, '');
  lines.push(...findingLines(state));
  return `${lines.join('\n')}\n`;
}

function roleLines(counts: RoleCounts, { holding, signatures, oneIn }: VerifyReport): string[] {
  const { records, bytes, commits, found, replaced, revoked, removed, unindexed, paths, entries } =
    counts;
  const sampled = signatures === 'sample' ? `, 1 in ${number(oneIn)}` : '';
  const lines = [
    `  segments  ${size(bytes)}, ${count(commits, 'commit')}`,
    `  records   ${number(records)} hashed, ${count(counts.signatures, 'signature')} checked${sampled}`,
  ];
  if (holding.noIndex !== undefined) return lines;
  const absent = [
    ...(replaced > 0 ? [`${number(replaced)} replaced by newer ones`] : []),
    ...(removed > 0 ? [`${number(removed)} removed by an operator`] : []),
    ...(revoked > 0 ? [`${number(revoked)} of revoked keys`] : []),
    ...(unindexed > 0 ? [`${number(unindexed)} not indexed yet`] : []),
  ];
  const rest = absent.length === 0 ? '' : ` (${absent.join(', ')})`;
  return [
    ...lines,
    `  index     ${number(found)} found by ID${rest}; ${number(paths)} on all paths, 1 in ${number(oneIn)}`,
    `            ${entries === 1 ? '1 entry leads to its record' : `${number(entries)} entries lead to their records`}`,
  ];
}

function findingLines(state: VerifyState): string[] {
  const total = findingsTotal(state);
  const took = duration(state.seconds);
  if (total === 0) return [`Nothing is wrong. It took ${took}.`];
  const lines = [`${number(total)} found wrong, in ${took}:`];
  for (const { kind, role, what } of state.findings.kept.slice(0, TOLD_MAX)) {
    lines.push(`  ${kind}  ${role}: ${what}`);
  }
  const untold = total - Math.min(state.findings.kept.length, TOLD_MAX);
  if (untold > 0) lines.push(`  … and ${number(untold)} more; --json tells up to 1,000`);
  lines.push('', 'What to do:');
  for (const kind of Object.keys(state.findings.counts) as FindingKind[]) {
    const { means, remedy } = FINDING_KINDS[kind];
    lines.push(`  ${kind} (${means}): ${remedy}`);
  }
  return lines;
}

function number(value: number): string {
  return value.toLocaleString('en-US');
}
