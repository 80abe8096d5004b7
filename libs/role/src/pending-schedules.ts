/**
 * Key schedules on their way into the store. What arrives behind one and is signed by a subkey of
 * the same author waits for it, so that a client may send both without waiting for an answer.
 *
 * Schedules themselves wait for nothing, and a record only waits for what came before it: nobody can
 * wait in a circle.
 */
import type { PublicKey } from '@mosaic-cluster/protocol';
import { keyName } from './key-name.ts';

/** The key schedules under way of all roles in a process. */
export class PendingSchedules {
  readonly #byAuthor = new Map<string, Promise<unknown>>();

  /** Takes note of a schedule that `settled` speaks of; it must not reject. */
  announce(author: PublicKey, settled: Promise<unknown>): void {
    const name = keyName(author);
    const earlier = this.#byAuthor.get(name);
    const all = earlier === undefined ? settled : Promise.all([earlier, settled]);
    this.#byAuthor.set(name, all);
    void all.then(() => {
      if (this.#byAuthor.get(name) === all) this.#byAuthor.delete(name);
    });
  }

  /** Resolves when all schedules of an author that are under way now have settled; undefined: none. */
  of(author: PublicKey): Promise<unknown> | undefined {
    return this.#byAuthor.size === 0 ? undefined : this.#byAuthor.get(keyName(author));
  }
}
