/** Takes candidates through a step of judgement, so that what fails decides only those it concerns. */
import { type Candidate, failureResult, undecided } from './candidate.ts';
import type { WorkerEvents } from './role-worker-deps.ts';

/** Does steps for candidates. Nothing here rejects. */
export class CandidateSteps {
  readonly #events: WorkerEvents;

  constructor(events: WorkerEvents) {
    this.#events = events;
  }

  /** Does a step for each that is undecided; a failure decides that one alone. */
  async each(
    candidates: readonly Candidate[],
    step: (candidate: Candidate, index: number) => Promise<void> | undefined,
  ): Promise<void> {
    const steps: Promise<void>[] = [];
    candidates.forEach((candidate, i) => {
      if (candidate.result !== undefined) return;
      try {
        const done = step(candidate, i);
        if (done !== undefined) steps.push(done.catch((error) => this.#fail([candidate], error)));
      } catch (error) {
        this.#fail([candidate], error);
      }
    });
    if (steps.length > 0) await Promise.all(steps);
  }

  /** Does a step for all that are undecided; a failure decides them all. */
  async together(
    candidates: readonly Candidate[],
    step: (candidates: readonly Candidate[]) => Promise<void>,
  ): Promise<void> {
    const open = undecided(candidates);
    if (open.length === 0) return;
    try {
      await step(open);
    } catch (error) {
      this.#fail(open, error);
    }
  }

  #fail(candidates: readonly Candidate[], error: unknown): void {
    this.#events.failed?.('submission', error, candidates[0]?.watch.requestId);
    const result = failureResult(error);
    for (const candidate of candidates) candidate.result ??= result;
  }
}
