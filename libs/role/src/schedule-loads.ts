/**
 * Key schedules being read from storage, so that many questions about one master cost one read. What a
 * read brings is remembered only if no schedule came in meanwhile: then it may be an old one.
 */
import type { KeySchedule, PublicKey } from '@mosaic-cluster/protocol';
import { keyName } from './key-name.ts';

type Load = Promise<KeySchedule | undefined>;

/** What reading schedules needs. */
export interface ScheduleLoadsOptions {
  readonly read: (master: PublicKey) => Load;
  /** Takes what was read and not overtaken; by {@link keyName}. */
  readonly remember: (name: string, schedule: KeySchedule | undefined) => void;
}

/** Reads that are under way: two of one master at most, one of them waiting for the other. */
export class ScheduleLoads {
  readonly #options: ScheduleLoadsOptions;
  readonly #underWay = new Map<string, Load>();
  readonly #next = new Map<string, Load>();

  constructor(options: ScheduleLoadsOptions) {
    this.#options = options;
  }

  /** Whether a master's schedule is being read. */
  has(master: PublicKey): boolean {
    return this.#underWay.has(keyName(master));
  }

  /** A master's newest schedule, by a read that may be under way already. */
  load(master: PublicKey): Load {
    const name = keyName(master);
    return this.#underWay.get(name) ?? this.#begin(name, master);
  }

  /** As {@link load}, by a read that begins after this call. */
  loadAfresh(master: PublicKey): Load {
    const name = keyName(master);
    const underWay = this.#underWay.get(name);
    if (underWay === undefined) return this.#begin(name, master);
    const waiting = this.#next.get(name);
    if (waiting !== undefined) return waiting;
    const begin = (): Load => {
      this.#next.delete(name);
      return this.#begin(name, master);
    };
    const next = underWay.then(begin, begin);
    this.#next.set(name, next);
    return next;
  }

  /** A schedule came in: what is being read of its master may be older. */
  overtake(name: string): void {
    this.#underWay.delete(name);
  }

  /** Schedules may have come in unheard. */
  overtakeAll(): void {
    this.#underWay.clear();
  }

  async #begin(name: string, master: PublicKey): Load {
    const { read, remember } = this.#options;
    const load = read(master);
    this.#underWay.set(name, load);
    try {
      const found = await load;
      if (this.#underWay.get(name) === load) remember(name, found);
      return found;
    } finally {
      if (this.#underWay.get(name) === load) this.#underWay.delete(name);
    }
  }
}
