/**
 * How much the unfinished messages of all connections hold, and who must go when it is too much.
 * Whoever sends parts of messages and never their ends pushes out its own connections first.
 */
import { LISTENER_LIMITS } from './listener-limits.ts';

/** A connection with an unfinished message. */
export interface ReceivingClient {
  /** Those of one group answer for each other; see `addressGroup`. */
  readonly group: string;
  /** The connection must go; its bytes are no longer counted. */
  crowdOut(): void;
}

interface Held {
  bytes: number;
  /** When the first of them came. */
  since: number;
}

/** Even what came this moment weighs something, in milliseconds of age. */
const AGE_MIN_MS = 100;

/** The bytes of one process. */
export class ReceiveBudget {
  readonly #bytesMax: number;
  readonly #now: () => number;
  readonly #held = new Map<ReceivingClient, Held>();
  #heldBytes = 0;

  /**
   * @param bytesMax `receivingBytesMax`
   * @param now milliseconds, of any beginning
   */
  constructor(
    bytesMax: number = LISTENER_LIMITS.receivingBytesMax,
    now: () => number = () => performance.now(),
  ) {
    this.#bytesMax = bytesMax;
    this.#now = now;
  }

  /** Bytes held at present; never above the bound when a call returns. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Says what a client holds from now on.
   *
   * @param isSame whether it is a part of the message that it has held a part of before
   */
  hold(client: ReceivingClient, bytes: number, isSame: boolean): void {
    if (bytes === 0) {
      this.release(client);
      return;
    }
    const held = this.#held.get(client);
    this.#heldBytes += bytes - (held?.bytes ?? 0);
    if (held === undefined) this.#held.set(client, { bytes, since: this.#now() });
    else {
      held.bytes = bytes;
      if (!isSame) held.since = this.#now();
    }
    while (this.#heldBytes > this.#bytesMax) this.#crowdOutHeaviest();
  }

  /** The client holds nothing, or is gone. */
  release(client: ReceivingClient): void {
    const held = this.#held.get(client);
    if (held === undefined) return;
    this.#held.delete(client);
    this.#heldBytes -= held.bytes;
  }

  /** Weight is bytes by age: an honest large message is short-lived, a hostile small one is not. */
  #crowdOutHeaviest(): void {
    const now = this.#now();
    const groups = new Map<string, { weight: number; heaviest: ReceivingClient; top: number }>();
    let worst: { weight: number; heaviest: ReceivingClient } | undefined;
    for (const [client, { bytes, since }] of this.#held) {
      const weight = bytes * Math.max(AGE_MIN_MS, now - since);
      let group = groups.get(client.group);
      if (group === undefined) {
        group = { weight: 0, heaviest: client, top: weight };
        groups.set(client.group, group);
      }
      group.weight += weight;
      if (weight > group.top) {
        group.top = weight;
        group.heaviest = client;
      }
      if (worst === undefined || group.weight > worst.weight) worst = group;
    }
    if (worst === undefined) return;
    this.release(worst.heaviest);
    worst.heaviest.crowdOut();
  }
}
