/**
 * How much everybody may: for each kind of subject and each standing the rate and burst of every budget,
 * and how much may be open. The defaults let 200 honest people behind one address go about their business
 * and 1,000 come back at once after a restart, and cost a server few percent of a core per abuser.
 */
import { BUDGETS, type BudgetName, HOLDINGS, type HoldingName } from './limiter.ts';
import { type Standing, STANDINGS } from './subject.ts';

/** The kinds of subjects: by the first letter of their names `a`, `n`, `k` and `u`. */
export const SUBJECT_KINDS = ['address', 'network', 'key', 'author'] as const;
/** One of {@link SUBJECT_KINDS}. */
export type SubjectKind = (typeof SUBJECT_KINDS)[number];

/** The size of a budget. */
export interface BudgetSize {
  /** What comes back per second. Infinity: there is no limit. */
  readonly ratePerSecond: number;
  /** What may be spent at once when nothing was spent for long. */
  readonly burst: number;
}

type PerStanding<T> = Readonly<Record<Standing, T>>;
type PerKind<T> = Readonly<Record<SubjectKind, PerStanding<T>>>;

/** Every budget's size, and how much of each holding may be open. */
export interface BudgetTable {
  readonly budgets: Readonly<Record<BudgetName, PerKind<BudgetSize>>>;
  readonly holdings: Readonly<Record<HoldingName, PerKind<number>>>;
}

/** What budgets and holdings count, for people. */
export const BUDGET_WORDS: Readonly<Record<BudgetName | HoldingName, string>> = {
  connects: 'connections opened',
  messages: 'messages received',
  bytes: 'bytes of messages received',
  submissions: 'records submitted, and signatures in key schedules; of an author: records stored',
  query:
    'index entries that queries looked at, and one for each 256 bytes that they read; a quarter of that for records sent live',
  connections: 'connections open',
  subscriptions:
    'subscriptions open, one for each 16 values that they wait for, eight for one that asks for kinds alone',
};

/** Bytes read for queries that cost as much as one index entry. */
export const QUERY_BYTES_PER_ENTRY = 256;

/** What an answer to a query takes from the budget `query`. */
export function queryCost(scanned: number, bytes: number): number {
  return scanned + bytes / QUERY_BYTES_PER_ENTRY;
}

/** What strangers may at an address that they may share with many. */
const ADDRESS: Readonly<Record<BudgetName, BudgetSize>> = {
  connects: { ratePerSecond: 20, burst: 1_500 },
  messages: { ratePerSecond: 500, burst: 20_000 },
  bytes: { ratePerSecond: 1_048_576, burst: 67_108_864 },
  submissions: { ratePerSecond: 50, burst: 10_000 },
  query: { ratePerSecond: 20_000, burst: 1_000_000 },
};

/** What somebody may who proved a key, be it from many addresses. */
const KEY: Readonly<Record<BudgetName, BudgetSize>> = {
  connects: { ratePerSecond: 2, burst: 100 },
  messages: { ratePerSecond: 200, burst: 20_000 },
  bytes: { ratePerSecond: 1_048_576, burst: 67_108_864 },
  submissions: { ratePerSecond: 50, burst: 10_000 },
  query: { ratePerSecond: 20_000, burst: 1_000_000 },
};

/** What an author may, whoever brings it: those who bring it have budgets of their own. */
const AUTHOR: Readonly<Record<BudgetName, BudgetSize>> = {
  ...KEY,
  submissions: { ratePerSecond: 100, burst: 100_000 },
};

const ADDRESS_HOLDINGS: Readonly<Record<HoldingName, number>> = {
  connections: 1_500,
  subscriptions: 10_000,
};
const KEY_HOLDINGS: Readonly<Record<HoldingName, number>> = {
  connections: 50,
  subscriptions: 1_000,
};

/** How much more than strangers those may who are known better. */
const BETTER: PerStanding<number> = { anonymous: 1, authenticated: 2, attested: 4, registered: 10 };
/** A key proves little by itself, so that it begins where strangers are. */
const BETTER_KEY: PerStanding<number> = {
  anonymous: 1,
  authenticated: 1,
  attested: 2,
  registered: 5,
};
/** An IPv6 network of 48 bits may be a company, or one customer. */
const NETWORK_FACTOR = 4;

const SIZES: Readonly<Record<SubjectKind, Readonly<Record<BudgetName, BudgetSize>>>> = {
  address: ADDRESS,
  network: ADDRESS,
  key: KEY,
  author: AUTHOR,
};

/** The sizes unless an operator says otherwise. */
export const DEFAULT_BUDGETS: BudgetTable = {
  budgets: record(BUDGETS, (name) =>
    perKind((kind, factor) => {
      const { ratePerSecond, burst } = SIZES[kind][name];
      return { ratePerSecond: ratePerSecond * factor, burst: burst * factor };
    }),
  ),
  holdings: record(HOLDINGS, (name) =>
    perKind((kind, factor) =>
      isOfKey(kind) ? KEY_HOLDINGS[name] * factor : ADDRESS_HOLDINGS[name] * factor,
    ),
  ),
};

/** Whether a size belongs to somebody with a key, wherever they are. */
function isOfKey(kind: SubjectKind): boolean {
  return kind === 'key' || kind === 'author';
}

function perKind<T>(size: (kind: SubjectKind, factor: number) => T): PerKind<T> {
  return record(SUBJECT_KINDS, (kind) =>
    record(STANDINGS, (standing) => {
      if (isOfKey(kind)) return size(kind, BETTER_KEY[standing]);
      return size(kind, BETTER[standing] * (kind === 'network' ? NETWORK_FACTOR : 1));
    }),
  );
}

function record<K extends string, T>(keys: readonly K[], make: (key: K) => T): Record<K, T> {
  return Object.fromEntries(keys.map((key) => [key, make(key)])) as Record<K, T>;
}

/** All sizes as Markdown: a table for budgets and one for what may be open. */
export function renderBudgetsMarkdown(table: BudgetTable = DEFAULT_BUDGETS): string {
  const head = `| budget | of | ${STANDINGS.join(' | ')} |\n|---|---|${'---:|'.repeat(4)}`;
  const rows = BUDGETS.flatMap((name) =>
    SUBJECT_KINDS.map((kind) => {
      const cells = STANDINGS.map((standing) => sizeText(table.budgets[name][kind][standing]));
      return `| \`${name}\` | ${kind} | ${cells.join(' | ')} |`;
    }),
  );
  const openHead = head.replace('budget', 'open at a time');
  const openRows = HOLDINGS.flatMap((name) =>
    SUBJECT_KINDS.map((kind) => {
      const cells = STANDINGS.map((standing) => numberText(table.holdings[name][kind][standing]));
      return `| \`${name}\` | ${kind} | ${cells.join(' | ')} |`;
    }),
  );
  return `${head}\n${rows.join('\n')}\n\n${openHead}\n${openRows.join('\n')}\n`;
}

function sizeText({ ratePerSecond, burst }: BudgetSize): string {
  return ratePerSecond === Number.POSITIVE_INFINITY
    ? 'off'
    : `${numberText(ratePerSecond)}/s, ${numberText(burst)}`;
}

function numberText(value: number): string {
  return value === Number.POSITIVE_INFINITY
    ? 'off'
    : value.toLocaleString('en-US').replaceAll(',', ' ');
}
