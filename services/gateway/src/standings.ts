/**
 * Finds out how well the keys of connections are known, beside the connections' work: it delays
 * nothing, and until it is known somebody has proved a key and no more.
 */
import type { Standing, Visitor } from '@mosaic-cluster/abuse';
import type { PublicKey } from '@mosaic-cluster/protocol';
import type { Clock } from './clock.ts';

/** What it asks. */
export interface StandingsOptions {
  /** The master keys that a key acts for, itself first. */
  readonly identities: (key: PublicKey) => Promise<readonly PublicKey[]>;
  /** Whether one of the keys is a registered user's. */
  readonly isRegistered: (keys: readonly PublicKey[]) => boolean | Promise<boolean>;
  /** Told of errors; who is asked about keeps the standing of before. */
  readonly failed: (error: unknown) => void;
  readonly clock: Clock;
}

/** Somebody who is asked about. */
interface Asked {
  readonly key: PublicKey;
  readonly visitor: Pick<Visitor, 'setStanding'>;
  /** Itself and the master keys that it acts for; undefined: not known yet. */
  keys: readonly PublicKey[] | undefined;
}

/** Changes are gathered for so long, so that many of them do not have everybody asked about for each. */
const GATHER_MS = 10_000;
/** Questions under way at a time; the others wait for their turn. */
const QUESTIONS_MAX = 64;

/** Asks for standings. */
export class Standings {
  readonly #options: StandingsOptions;
  /** Everybody with a key who is there. */
  readonly #known = new Set<Asked>();
  /** Whom to ask about next, in order. */
  readonly #waiting = new Set<Asked>();
  #underWay = 0;
  #isGathering = false;

  constructor(options: StandingsOptions) {
    this.#options = options;
  }

  /**
   * Asks about somebody now, and after {@link changed} was called.
   *
   * @returns ends it
   */
  follow(key: PublicKey, visitor: Pick<Visitor, 'setStanding'>): () => void {
    const asked: Asked = { key, visitor, keys: undefined };
    this.#known.add(asked);
    this.#waiting.add(asked);
    this.#next();
    return () => {
      this.#known.delete(asked);
      this.#waiting.delete(asked);
    };
  }

  /** Who is registered has changed: asks about everybody again, within ten seconds. */
  changed(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#options.clock.schedule(() => {
      this.#isGathering = false;
      for (const asked of this.#known) this.#waiting.add(asked);
      this.#next();
    }, GATHER_MS);
  }

  #next(): void {
    for (const asked of this.#waiting) {
      if (this.#underWay >= QUESTIONS_MAX) return;
      this.#waiting.delete(asked);
      this.#underWay += 1;
      void this.#ask(asked).finally(() => {
        this.#underWay -= 1;
        this.#next();
      });
    }
  }

  async #ask(asked: Asked): Promise<void> {
    const { identities, isRegistered, failed } = this.#options;
    try {
      asked.keys ??= await identities(asked.key);
      const standing = standingOf(asked.keys, await isRegistered(asked.keys));
      if (this.#known.has(asked)) asked.visitor.setStanding(standing);
    } catch (error) {
      failed(error);
    }
  }
}

function standingOf(keys: readonly PublicKey[], isRegistered: boolean): Standing {
  if (isRegistered) return 'registered';
  return keys.length > 1 ? 'attested' : 'authenticated';
}
