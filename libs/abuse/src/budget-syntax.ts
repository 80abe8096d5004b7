/**
 * How operators change budgets: a list like
 *
 *     submissions.address.anonymous=20/s:200, bytes.key.*=2MiB/s:64MiB, connections.*.*=off
 *
 * where `*` stands for every kind or standing, and the last of several that fit counts.
 */
import { MESSAGE_BYTES_MAX, MosaicError } from '@mosaic-cluster/protocol';
import {
  type BudgetSize,
  type BudgetTable,
  DEFAULT_BUDGETS,
  SUBJECT_KINDS,
  type SubjectKind,
} from './budget-table.ts';
import { BUDGETS, type BudgetName, HOLDINGS } from './limiter.ts';
import { type Standing, STANDINGS } from './subject.ts';

/** A table that can be changed. */
type Writable<T> = { -readonly [K in keyof T]: T[K] extends number ? T[K] : Writable<T[K]> };

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
};
const PERIODS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const EXAMPLE = 'such as submissions.address.anonymous=20/s:200 or connections.key.*=100';

/**
 * The default table with an operator's changes.
 *
 * @param text changes, separated by commas or blanks; empty: none
 * @throws MosaicError `invalid` (`budgets`) naming the change that is wrong and what is allowed there
 */
export function parseBudgets(text: string): BudgetTable {
  const table = structuredClone(DEFAULT_BUDGETS) as Writable<BudgetTable>;
  for (const change of text.split(/[\s,]+/).filter((each) => each !== '')) {
    apply(table, change);
  }
  return table;
}

function apply(table: Writable<BudgetTable>, change: string): void {
  const [path = '', value, ...more] = change.split('=');
  const [name = '', kindWord = '', standingWord = '', ...rest] = path.split('.');
  if (value === undefined || value === '' || more.length + rest.length > 0) {
    throw fault(change, `it is no budget and size, ${EXAMPLE}`);
  }
  const kinds = choose(change, 'kind of subject', kindWord, SUBJECT_KINDS);
  const standings = choose(change, 'standing', standingWord, STANDINGS);
  if (isOneOf(name, HOLDINGS)) {
    setAll(table.holdings[name], kinds, standings, parseHolding(change, value));
    return;
  }
  if (!isOneOf(name, BUDGETS)) {
    const names = [...BUDGETS, ...HOLDINGS].join(', ');
    throw fault(change, `there is no budget "${name}": take one of ${names}`);
  }
  setAll(table.budgets[name], kinds, standings, parseSize(change, value, name));
}

function setAll<T>(
  target: Record<SubjectKind, Record<Standing, T>>,
  kinds: readonly SubjectKind[],
  standings: readonly Standing[],
  value: T,
): void {
  for (const kind of kinds) for (const standing of standings) target[kind][standing] = value;
}

function choose<T extends string>(
  change: string,
  what: string,
  word: string,
  allowed: readonly T[],
): readonly T[] {
  if (word === '*') return allowed;
  if (isOneOf(word, allowed)) return [word];
  throw fault(change, `there is no ${what} "${word}": take one of ${allowed.join(', ')}, or *`);
}

function isOneOf<T extends string>(word: string, allowed: readonly T[]): word is T {
  return (allowed as readonly string[]).includes(word);
}

function parseSize(change: string, value: string, name: BudgetName): BudgetSize {
  if (value === 'off') {
    return { ratePerSecond: Number.POSITIVE_INFINITY, burst: Number.POSITIVE_INFINITY };
  }
  const match = /^([^/:]+)\/([smhd]):([^/:]+)$/.exec(value);
  if (match === null) {
    throw fault(
      change,
      `"${value}" is no size: say rate/s:burst, rate/m:burst, rate/h:burst, rate/d:burst or off`,
    );
  }
  const [, rate = '', period = '', burst = ''] = match;
  const size = {
    ratePerSecond: parseNumber(change, rate) / PERIODS[period]!,
    burst: parseNumber(change, burst),
  };
  // What is larger than the burst could never be paid for.
  const least = name === 'bytes' ? MESSAGE_BYTES_MAX : 1;
  if (size.burst >= least && size.ratePerSecond > 0) return size;
  throw fault(change, `the rate must be more than 0 and the burst at least ${least}`);
}

function parseHolding(change: string, value: string): number {
  if (value === 'off') return Number.POSITIVE_INFINITY;
  const places = parseNumber(change, value);
  if (Number.isSafeInteger(places)) return places;
  throw fault(change, `"${value}" is no whole number`);
}

function parseNumber(change: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(k|M|KiB|MiB|GiB)?$/.exec(text);
  if (match !== null) return Number(match[1]) * UNITS[match[2] ?? '']!;
  throw fault(change, `"${text}" is no number: say 20, 0.5, 10k, 2M, 64KiB, 64MiB or 1GiB`);
}

function fault(change: string, why: string): MosaicError {
  return new MosaicError('invalid', 'budgets', `the budget "${change}" is wrong: ${why}`);
}
