/**
 * A queue in which addresses take turns, and in the turns of an address its connections: whoever
 * publishes very much from behind an address that many share has only his own records wait.
 */
import { TurnQueue } from '../sharing/turn-queue.ts';

/** Things that wait, each sent by a connection of somebody. */
export class CrowdQueue<T> {
  /** Whose turn it is: a place for everything that waits. */
  readonly #turns = new TurnQueue<undefined>();
  readonly #things = new Map<string, TurnQueue<T, object>>();

  /** How many things wait. */
  get size(): number {
    return this.#turns.size;
  }

  /**
   * Adds a thing at the end of its connection's line.
   *
   * @param who whose turn it takes, as `Visitor.sharesAs`
   */
  add(who: string, connection: object, thing: T): void {
    this.#turns.add(who, undefined);
    let things = this.#things.get(who);
    if (things === undefined) {
      things = new TurnQueue();
      this.#things.set(who, things);
    }
    things.add(connection, thing);
  }

  /** Takes what is next of whose turn it is among those whom `mayHave` lets. */
  take(mayHave: (who: string) => boolean): { who: string; thing: T } | undefined {
    const turn = this.#turns.take(mayHave);
    if (turn === undefined) return undefined;
    const { who } = turn;
    const things = this.#things.get(who)!;
    const { thing } = things.take(anybody)!;
    if (things.size === 0) this.#things.delete(who);
    return { who, thing };
  }
}

function anybody(): boolean {
  return true;
}
