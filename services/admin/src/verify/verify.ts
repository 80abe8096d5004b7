/** Verifies everything in one place: log against index, then index against log, role by role. */
import { randomInt } from 'node:crypto';
import { interruptedError } from '@mosaic-cluster/client/command';
import { isMosaicError } from '@mosaic-cluster/protocol';
import { KeyDirectory } from '@mosaic-cluster/role';
import type { Verifier } from '@mosaic-cluster/verifier';
import type { Holding, RoleHolding } from '../place/holding.ts';
import { indexReplaced } from '../place/open-embedded.ts';
import type { Progress } from '../output/progress.ts';
import { DamageMap } from './damage-map.ts';
import { Findings } from './findings.ts';
import { RecordChecks, type SignatureChoice } from './record-checks.ts';
import { type RoleContext, tell } from './role-context.ts';
import { verifyEntries } from './verify-entries.ts';
import { verifyLog } from './verify-log.ts';
import { newRoleState, type Phase, type StateFile, type VerifyState } from './verify-state.ts';

/** What to verify, and how. */
export interface VerifyOptions {
  readonly holding: Holding;
  readonly signatures: SignatureChoice;
  /** Of the samples: one record in so many. */
  readonly oneIn: number;
  /** Names all that another run must have in common to go on with this one's state. */
  readonly task: string;
  /** Undefined where no signatures are checked. */
  readonly verifier: Verifier | undefined;
  /** Where to keep how far it is; undefined: nowhere. */
  readonly stateFile: StateFile | undefined;
  /** Ends it between two batches. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  readonly monotonicMs?: () => number;
}

/** Between two times that the state is saved. */
const SAVE_MS = 5_000;

const STEPS: Readonly<Record<Phase, string>> = {
  segments: 'reading segments',
  all: 'walking the index',
  received: 'walking the index by time',
  held: 'walking what is held',
  done: 'done',
};
const AFTER = { all: 'received', received: 'held', held: 'done' } as const;

/**
 * Verifies. Where it is interrupted, the state was saved before.
 *
 * @throws MosaicError `closed` (`interrupted`), `conflict` (`index-replaced`), `unavailable` where
 *   something cannot be read
 */
export async function verify(options: VerifyOptions): Promise<VerifyState> {
  const { holding, stateFile, task } = options;
  const state = (await stateFile?.load()) ?? newState(task);
  const run = new Run(options, state);
  const checks = await RecordChecks.create({ ...options, salt: state.salt });
  const directory = new KeyDirectory(holding.scheduleSources);
  try {
    for (const each of holding.roles) await run.role(each, checks, directory);
    if (!(await holding.isIndexCurrent())) throw indexReplaced();
  } catch (error) {
    // Only between two batches the state says exactly what was done.
    if (isMosaicError(error) && error.code === 'interrupted') await run.save();
    throw error;
  }
  run.note();
  await stateFile?.remove();
  return state;
}

function newState(task: string): VerifyState {
  const findings = { kept: [], counts: {} };
  return { format: 2, task, salt: randomInt(2 ** 32), roles: {}, seconds: 0, findings };
}

class Run {
  readonly #options: VerifyOptions;
  readonly #state: VerifyState;
  readonly #findings: Findings;
  readonly #now: () => number;
  #notedMs: number;
  #savedMs: number;

  constructor(options: VerifyOptions, state: VerifyState) {
    this.#options = options;
    this.#state = state;
    this.#findings = new Findings(state.findings);
    this.#now = options.monotonicMs ?? (() => performance.now());
    this.#notedMs = this.#now();
    this.#savedMs = this.#notedMs;
  }

  async role(holding: RoleHolding, checks: RecordChecks, directory: KeyDirectory): Promise<void> {
    const { role, index } = holding;
    const state = (this.#state.roles[role] ??= newRoleState());
    const context: RoleContext = {
      holding,
      state,
      damages: new DamageMap(state.damages),
      checks,
      directory,
      removed: this.#options.holding.removedIn(role),
      findings: this.#findings,
      pause: (done, total, records) =>
        this.#pause({ what: `${role}: ${STEPS[state.phase]}`, done, total, records }),
    };
    const next = (phase: Phase): void => {
      state.phase = phase;
      delete state.position;
    };
    if (state.phase === 'segments') {
      if (state.position === undefined) await this.#checkUsable(context);
      await verifyLog(context);
      next('all');
    }
    for (const path of ['all', 'received', 'held'] as const) {
      if (state.phase !== path) continue;
      if (index !== undefined) await verifyEntries(context, index, { path });
      if (index !== undefined && path === 'held') await this.#checkCount(context, index);
      next(AFTER[path]);
    }
  }

  /** Puts what was found and the time that it took into the state. */
  note(): void {
    const { kept, counts } = this.#findings;
    this.#state.findings = { kept, counts };
    const now = this.#now();
    this.#state.seconds += (now - this.#notedMs) / 1000;
    this.#notedMs = now;
  }

  async save(): Promise<void> {
    this.note();
    await this.#options.stateFile?.save(this.#state);
    this.#savedMs = this.#now();
  }

  async #pause(progress: Progress): Promise<void> {
    const { signal, onProgress } = this.#options;
    const { total } = this.#findings;
    onProgress(total === 0 ? progress : { ...progress, note: `${total} found wrong` });
    // Lets signals in: everything between two batches may have been synchronous.
    await new Promise(setImmediate);
    if (signal.aborted) throw interruptedError();
    if (this.#now() - this.#savedMs > SAVE_MS) await this.save();
  }

  async #checkUsable(context: RoleContext): Promise<void> {
    const { noIndex } = this.#options.holding;
    const { index, log, role } = context.holding;
    const isEmpty = log.end === undefined;
    if (isEmpty && noIndex?.state !== 'distrusted') return;
    const isUsable = index !== undefined && (await index.appliedTo()) !== undefined;
    if (isUsable) return;
    const isBegun = index !== undefined && (await index.count()) > 0;
    const what =
      noIndex?.why ??
      (isBegun
        ? `the index of ${role} is not whole: making it anew was begun and not finished`
        : `there is no index of ${role}`);
    tell(context, { kind: 'index-unusable', what });
  }

  /** Only where nobody changes it meanwhile do the counts have to be the same. */
  async #checkCount(context: RoleContext, index: { count(): Promise<number> }): Promise<void> {
    if (this.#options.holding.servedBy !== undefined) return;
    const { entries, receivedEntries } = context.state.counts;
    const said = await index.count();
    const wrong = this.#findings.counts;
    if (said === entries && said === receivedEntries) return;
    // Entries that lead nowhere are not counted, and were reported already.
    if ((wrong['index-dangling'] ?? 0) + (wrong['record-invalid'] ?? 0) > 0) return;
    const what = `the index says ${said} records; it has ${entries} by ID and ${receivedEntries} by time of reception`;
    tell(context, { kind: 'index-count', what });
  }
}
