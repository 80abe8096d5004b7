/**
 * What the bus is asked for because of who subscribes: private records for each identity, and the
 * key schedules that decide who acts for whom. Once per key, however many subscribers it concerns.
 */
import type { LiveInterest } from '@mosaic-cluster/bus';
import {
  encodeTag,
  KEY_TAG_BYTES,
  KNOWN_KINDS,
  type PublicKey,
  TAG_HEAD_BYTES,
  TAG_TYPE,
} from '@mosaic-cluster/protocol';
import type { InterestListener } from './interest-index.ts';

/** Why the bus is asked on behalf of a key. */
export type IdentityPart =
  /** Somebody proved it: schedules that list it. */
  | 'proven'
  /** Somebody acts for it: its private records, and its own schedules. */
  | 'master';

interface Held {
  users: number;
  readonly interests: readonly LiveInterest[];
  readonly added: Promise<unknown>;
  isReady: boolean;
}

/** Counts who needs what. */
export class IdentityInterests {
  readonly #listener: InterestListener;
  readonly #held = new Map<string, Held>();

  constructor(listener: InterestListener) {
    this.#listener = listener;
  }

  /**
   * Asks the bus, once more.
   *
   * @param text the key as text
   * @returns undefined where what is published from now on arrives already; else a promise of it,
   *   which rejects where the bus cannot promise it. In any case {@link release} is due.
   */
  hold(part: IdentityPart, text: string, key: PublicKey): Promise<unknown> | undefined {
    const name = part + text;
    let held = this.#held.get(name);
    if (held === undefined) {
      held = this.#add(interestsOf(part, key));
      this.#held.set(name, held);
    }
    held.users += 1;
    return held.isReady ? undefined : held.added;
  }

  /** Takes back one {@link hold}. */
  release(part: IdentityPart, text: string): void {
    const name = part + text;
    const held = this.#held.get(name);
    if (held === undefined) return;
    held.users -= 1;
    if (held.users > 0) return;
    this.#held.delete(name);
    held.added.then(
      () => held.interests.forEach((interest) => this.#listener.remove(interest)),
      () => {},
    );
  }

  #add(interests: readonly LiveInterest[]): Held {
    const each = interests.map((interest) => this.#listener.add(interest));
    const added = Promise.all(each);
    const held: Held = { users: 0, interests, added, isReady: false };
    added.then(
      () => {
        held.isReady = true;
      },
      () => {
        // Of several, some may have been added.
        each.forEach((one, i) => {
          one.then(
            () => this.#listener.remove(interests[i]!),
            () => {},
          );
        });
      },
    );
    return held;
  }
}

function interestsOf(part: IdentityPart, key: PublicKey): readonly LiveInterest[] {
  if (part === 'proven') return [{ tag: subkeyTag(key) }];
  return [{ reader: key }, { author: key, kind: KNOWN_KINDS['key-schedule'] }];
}

/** The tag of schedules that list a key. The listener has checked that it is one. */
function subkeyTag(key: PublicKey): Uint8Array {
  const value = new Uint8Array(KEY_TAG_BYTES - TAG_HEAD_BYTES);
  value.set(key, value.length - key.length);
  return encodeTag({ type: TAG_TYPE.subkey, value });
}
