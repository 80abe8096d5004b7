/**
 * What a process that serves tells operators who ask: which rules it goes by and who comes nearest to a
 * limit, as far as it knows. There are no secrets in it; the users that a setting names are told only where
 * the question names them.
 */
import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import type { BudgetTable } from './budget-table.ts';
import type { Limiter, SubjectReport, Usage } from './limiter.ts';
import type { AlwaysRegistered } from './registered.ts';
import { type Standing, STANDINGS, type SubjectName } from './subject.ts';

/** Most uses that are told. */
export const REPORTED_USES_MAX = 1_000;
/** Most subjects, and most users, that are asked about at once. */
export const ASKED_SUBJECTS_MAX = 8;
/** Most users that are asked about at once. */
export const ASKED_USERS_MAX = 128;

/** What an operator asks. */
export interface ProcessQuestion {
  /** Uses to tell; 0 by default. */
  readonly top?: number | undefined;
  /** Subjects to tell of. */
  readonly subjects?: readonly SubjectName[] | undefined;
  /** The standing that they are held to have; `anonymous` by default. */
  readonly standing?: Standing | undefined;
  /** Master keys in hexadecimal: which of them does a setting name as users? */
  readonly users?: readonly string[] | undefined;
}

/** Which process tells. */
export interface ReportingProcess {
  /** Such as `gateway`. */
  readonly service: string;
  readonly version: string;
  readonly host: string;
  readonly pid: number;
  /** Milliseconds since 1970. */
  readonly startedAtMs: number;
}

/** What a limiter knows, for operators. */
export interface LimiterReport {
  /** Whether it counts together with others, as far as it is told of a Redis. */
  readonly isShared: boolean;
  /** Why it counts for itself at present; null: it does not. */
  readonly fault: string | null;
  /** Nearest first. */
  readonly busiest: readonly Usage[];
  /** Of the subjects that were asked about. */
  readonly subjects: readonly (readonly [SubjectName, SubjectReport])[];
}

/** What a process tells. */
export interface ProcessReport {
  readonly process: ReportingProcess;
  /** Settings that say what clients may do, as they are in force: by name. */
  readonly rules: Readonly<Record<string, string>>;
  readonly budgets: BudgetTable;
  readonly users: {
    /** Users that a setting names. */
    readonly count: number;
    /** The same for the same users. */
    readonly digest: string;
    /** Of those that were asked about. */
    readonly known: readonly string[];
  };
  /** Null: it has none, or limits are off. */
  readonly limiter: LimiterReport | null;
}

/** What a reporter tells of. */
export interface ProcessReporterOptions {
  readonly service: string;
  readonly version: string;
  readonly rules: Readonly<Record<string, string>>;
  readonly budgets: BudgetTable;
  readonly users: AlwaysRegistered;
  readonly limiter: Pick<Limiter, 'busiest' | 'report' | 'fault'> | undefined;
  readonly isShared: boolean;
}

/** Tells of a process. */
export class ProcessReporter {
  readonly #options: ProcessReporterOptions;
  readonly #process: ReportingProcess;
  readonly #digest: string;

  constructor(options: ProcessReporterOptions) {
    const { service, version, users } = options;
    this.#options = options;
    const startedAtMs = Math.round(Date.now() - process.uptime() * 1_000);
    this.#process = { service, version, host: hostname(), pid: process.pid, startedAtMs };
    const digest = createHash('sha256').update([...users].toSorted().join());
    this.#digest = digest.digest('hex').slice(0, 16);
  }

  /** Answers a question, as {@link encodeQuestion} writes it, for {@link decodeReport}. */
  async answer(question: Uint8Array): Promise<Uint8Array> {
    return Buffer.from(
      JSON.stringify(await this.report(decodeQuestion(question)), withoutInfinity),
    );
  }

  async report(question: ProcessQuestion): Promise<ProcessReport> {
    const { rules, budgets, users } = this.#options;
    const known = (question.users ?? []).slice(0, ASKED_USERS_MAX).filter((key) => users.has(key));
    return {
      process: this.#process,
      rules,
      budgets,
      users: { count: users.size, digest: this.#digest, known },
      limiter: await this.#limiterReport(question),
    };
  }

  async #limiterReport({
    top = 0,
    subjects = [],
    standing = 'anonymous',
  }: ProcessQuestion): Promise<LimiterReport | null> {
    const { limiter, isShared } = this.#options;
    if (limiter === undefined) return null;
    const count = Math.min(top, REPORTED_USES_MAX);
    const busiest = count > 0 ? await limiter.busiest(count) : [];
    const reports: (readonly [SubjectName, SubjectReport])[] = [];
    for (const subject of subjects.slice(0, ASKED_SUBJECTS_MAX)) {
      reports.push([subject, await limiter.report(subject, standing)]);
    }
    return { isShared, fault: limiter.fault() ?? null, busiest, subjects: reports };
  }
}

/** A question in JSON. */
export function encodeQuestion(question: ProcessQuestion): Uint8Array {
  return Buffer.from(JSON.stringify(question));
}

/** What a process told; undefined: it is of another version, and nobody knows what it says. */
export function decodeReport(told: Uint8Array): ProcessReport | undefined {
  try {
    const report = JSON.parse(Buffer.from(told).toString(), withMaps) as Partial<ProcessReport>;
    const isWhole =
      typeof report.process?.service === 'string' &&
      typeof report.rules === 'object' &&
      typeof report.budgets?.budgets === 'object' &&
      typeof report.users?.digest === 'string' &&
      report.limiter !== undefined;
    return isWhole ? (report as ProcessReport) : undefined;
  } catch {
    return undefined;
  }
}

function decodeQuestion(bytes: Uint8Array): ProcessQuestion {
  const { top, subjects, standing, users } = JSON.parse(
    Buffer.from(bytes).toString(),
  ) as ProcessQuestion;
  return {
    top: Number.isInteger(top) ? Math.max(0, top!) : 0,
    subjects: textsOf(subjects).filter((subject) => /^[anku]:[0-9a-f.:/]{1,80}$/.test(subject)),
    standing: STANDINGS.find((each) => each === standing),
    users: textsOf(users),
  };
}

function textsOf(list: unknown): string[] {
  return Array.isArray(list) ? list.filter((each) => typeof each === 'string') : [];
}

/** JSON has no infinity, no absence in lists and no maps. */
function withoutInfinity(_: string, value: unknown): unknown {
  if (value === Number.POSITIVE_INFINITY) return { infinite: true };
  return value instanceof Map ? { entries: [...value] } : value;
}

function withMaps(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if ('infinite' in value) return Number.POSITIVE_INFINITY;
  return 'entries' in value ? new Map(value.entries as [string, unknown][]) : value;
}
