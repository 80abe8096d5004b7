/**
 * Finds out how well the keys of connections are known, beside the connections' work: it delays
 * nothing, and until it is known somebody has proved a key and no more.
 */
import type { Standing, Visitor } from '@mosaic-cluster/abuse';
import type { PublicKey } from '@mosaic-cluster/protocol';
import type { Clock } from '../clock.ts';
import { textOf } from '../key-text.ts';

/** What it asks. */
export interface StandingsOptions {
  /** The master keys that a key acts for, itself first. */
  readonly identities: (key: PublicKey) => Promise<readonly PublicKey[]>;
  /** Whether one of the keys is a registered user's. */
  readonly isRegistered: (keys: readonly PublicKey[]) => boolean | Promise<boolean>;
  /** Whether one of these masters has been known here for some time, so that they can vouch for a key. */
  readonly areKnown: (masters: readonly PublicKey[]) => boolean | Promise<boolean>;
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
  /** Whether one of these masters has been known for some time; undefined: not asked yet. */
  hasPast: boolean | undefined;
}

/** Changes are gathered for so long, so that many of them do not have everybody asked about for each. */
const GATHER_MS = 10_000;
/** Questions under way at a time; the others wait for their turn. */
const QUESTIONS_MAX = 64;

/** Keys of which is remembered that they are better known than most; then the oldest are forgotten. */
const REMEMBERED_MAX = 10_000;

/** Asks for standings. */
export class Standings {
  readonly #options: StandingsOptions;
  /** Everybody with a key who is there. */
  readonly #known = new Set<Asked>();
  /** Whom to ask about next, in order. */
  readonly #waiting = new Set<Asked>();
  /** Of keys that somebody vouches for, what was found out last. */
  readonly #remembered = new Map<string, Standing>();
  #underWay = 0;
  #isGathering = false;

  constructor(options: StandingsOptions) {
    this.#options = options;
  }

  /**
   * What is known of a key that connects, without waiting for anybody: whoever is known must find a
   * place where strangers' keys have taken theirs.
   *
   * @returns undefined: that it was proved, and no more
   */
  ofNewcomer(key: PublicKey): Standing | undefined {
    const remembered = this.#remembered.get(textOf(key));
    if (remembered !== undefined) return remembered;
    const isRegistered = this.#options.isRegistered([key]);
    if (isRegistered === true) return 'registered';
    // The answer is there when it connects again.
    if (isRegistered instanceof Promise) isRegistered.catch(this.#options.failed);
    return undefined;
  }

  /**
   * Asks about somebody now, and after {@link changed} was called.
   *
   * @returns ends it
   */
  follow(key: PublicKey, visitor: Pick<Visitor, 'setStanding'>): () => void {
    const asked: Asked = { key, visitor, keys: undefined, hasPast: undefined };
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
      this.#remembered.clear();
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
    const { identities, failed } = this.#options;
    try {
      asked.keys ??= await identities(asked.key);
      const standing = await this.#standingOf(asked, asked.keys);
      this.#remember(asked.key, standing);
      if (this.#known.has(asked)) asked.visitor.setStanding(standing);
    } catch (error) {
      failed(error);
    }
  }

  async #standingOf(asked: Asked, keys: readonly PublicKey[]): Promise<Standing> {
    const { isRegistered, areKnown } = this.#options;
    if (await isRegistered(keys)) return 'registered';
    const [, ...masters] = keys;
    if (masters.length === 0) return 'authenticated';
    // Who has a past keeps it; who has none yet is asked about when it comes again.
    const wasAttested = this.#remembered.get(textOf(asked.key)) === 'attested';
    asked.hasPast ??= wasAttested || (await areKnown(masters));
    return asked.hasPast ? 'attested' : 'authenticated';
  }

  #remember(key: PublicKey, standing: Standing): void {
    const name = textOf(key);
    this.#remembered.delete(name);
    if (standing === 'authenticated') return;
    this.#remembered.set(name, standing);
    if (this.#remembered.size <= REMEMBERED_MAX) return;
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest);
      return;
    }
  }
}
