/**
 * The order in which key schedules are checked. Each signature in one takes a good part of a
 * millisecond, and there may be 128 of them; so they are checked one after the other, with a turn for
 * everybody else in between, and short ones do not wait for the long ones of somebody who sends many.
 */
import { nextTurn } from './next-turn.ts';

/** A check that waits for its turn. */
interface Waiting {
  readonly bytes: number;
  readonly run: () => void;
}

/** Of so many checks one is that which waits for the longest time, however long it takes. */
const OLDEST_EVERY = 4;

/** Checks one schedule at a time, the shortest first. */
export class ScheduleChecks {
  /** In the order in which they came: as many as submissions are under way, which is bounded. */
  readonly #waiting: Waiting[] = [];
  #isRunning = false;
  #checks = 0;

  /**
   * Runs a check when it is its turn.
   *
   * @param bytes what is to be checked, for how long that takes
   * @throws what the check throws (rejects)
   */
  add(bytes: number, check: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const run = (): void => {
        try {
          check();
          resolve();
        } catch (error) {
          reject(error);
        }
      };
      this.#waiting.push({ bytes, run });
      if (!this.#isRunning) void this.#runAll();
    });
  }

  async #runAll(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      await nextTurn();
      const [next] = this.#waiting.splice(this.#nextAt(), 1);
      next!.run();
    }
    this.#isRunning = false;
  }

  #nextAt(): number {
    this.#checks += 1;
    if (this.#checks % OLDEST_EVERY === 0) return 0;
    let shortest = 0;
    this.#waiting.forEach(({ bytes }, at) => {
      if (bytes < this.#waiting[shortest]!.bytes) shortest = at;
    });
    return shortest;
  }
}
