/** Who is registered: kept in the registry, and asked for every record that somebody submits. */
import { REGISTERED_COLLECTION } from '@mosaic-cluster/abuse';
import { MosaicError, type PublicKey } from '@mosaic-cluster/protocol';
import type { Changed, Fact, Registry } from '@mosaic-cluster/store';
import { keyName } from './key-name.ts';
import type { ServedUsers } from './role-policy.ts';

/** The collection of the registry that users are in, by master key. */
export const USERS_COLLECTION: typeof REGISTERED_COLLECTION = REGISTERED_COLLECTION;
/** Most bytes of the name of whoever added a user, in UTF-8. */
export const USER_ADDED_BY_BYTES_MAX = 255;
/** Most bytes of a note, in UTF-8. */
export const USER_NOTE_BYTES_MAX = 1024;

const FORMAT = 1;
const HEAD_BYTES = 2;

/** A user to register. */
export interface NewUser {
  /** The master key. */
  readonly key: PublicKey;
  /** For the operator: who this is, why they are here. */
  readonly note?: string | undefined;
  /** For the operator: who added them. */
  readonly addedBy?: string | undefined;
}

/** A registered user. */
export interface RegisteredUser {
  readonly key: PublicKey;
  /** Empty: none. */
  readonly note: string;
  /** Empty: not said. */
  readonly addedBy: string;
  /** When they were added, or added again with another note; milliseconds since 1970. */
  readonly changedAtMs: number;
}

/** Reads and changes who is registered. */
export class RegisteredUsers {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /**
   * Registers users, up to 10,000; those who are registered get the new note.
   *
   * @throws MosaicError `invalid` (`user`) for a note or name that is too long, or as `Registry.change`
   */
  add(users: readonly NewUser[]): Promise<Changed> {
    const collection = USERS_COLLECTION;
    return this.#registry.change(
      users.map((user) => ({ collection, key: user.key, value: encodeUser(user) })),
    );
  }

  /** Takes users out, up to 10,000; others are passed over. Throws as `Registry.change`. */
  remove(keys: readonly PublicKey[]): Promise<Changed> {
    const collection = USERS_COLLECTION;
    return this.#registry.change(keys.map((key) => ({ collection, key, value: undefined })));
  }

  /** What is known of up to 1,000 keys; undefined: not registered. Throws as `Registry.get`. */
  async find(keys: readonly PublicKey[]): Promise<(RegisteredUser | undefined)[]> {
    const facts = await this.#registry.get(USERS_COLLECTION, keys);
    return facts.map((fact) => fact && decodeUser(fact));
  }

  /** Up to 1,000 users in the order of their keys, behind a key. Throws as `Registry.list`. */
  async list(
    after?: PublicKey,
    limit = 1000,
  ): Promise<{ users: readonly RegisteredUser[]; hasMore: boolean }> {
    const page = await this.#registry.list({ collection: USERS_COLLECTION, after, limit });
    return { users: page.facts.map(decodeUser), hasMore: page.hasMore };
  }
}

/** Whom a server serves. */
export interface ServedUsersOptions {
  /** `open`: everybody; `registered`: who is registered. */
  readonly admission: 'open' | 'registered';
  readonly registry: Registry;
  /** Registered besides, whatever the registry says: those that a setting names. */
  readonly always?: readonly PublicKey[];
}

/**
 * Those who are registered. Answers at once where the registry remembers; else a promise, which fails
 * as `Registry.get` does.
 */
export function servedUsers({ admission, registry, always = [] }: ServedUsersOptions): ServedUsers {
  const listed = new Set(always.map(keyName));
  const knows = (key: PublicKey): boolean | Promise<boolean> => {
    if (listed.size > 0 && listed.has(keyName(key))) return true;
    const fact = registry.peek(USERS_COLLECTION, key);
    if (fact !== undefined) return fact !== null;
    return registry.get(USERS_COLLECTION, [key]).then(([found]) => found !== undefined);
  };
  return { knows, serves: (key) => admission === 'open' || knows(key) };
}

/** `[format 1: 1] [bytes of the name 1] [name] [note]`. */
function encodeUser({ note = '', addedBy = '' }: NewUser): Uint8Array {
  const by = Buffer.from(addedBy);
  const text = Buffer.from(note);
  if (by.length > USER_ADDED_BY_BYTES_MAX || text.length > USER_NOTE_BYTES_MAX) {
    const message = `a user's note has at most ${USER_NOTE_BYTES_MAX} bytes, and the name of whoever added them ${USER_ADDED_BY_BYTES_MAX}`;
    throw new MosaicError('invalid', 'user', message);
  }
  return Buffer.concat([Buffer.of(FORMAT, by.length), by, text]);
}

function decodeUser({ key, value, changedAtMs }: Fact): RegisteredUser {
  // What a newer version wrote in another way: registered all the same.
  if (value[0] !== FORMAT) return { key, note: '', addedBy: '', changedAtMs };
  const noteAt = HEAD_BYTES + (value[1] ?? 0);
  const text = (start: number, end?: number): string =>
    new TextDecoder().decode(value.subarray(start, end));
  return { key, addedBy: text(HEAD_BYTES, noteAt), note: text(noteAt), changedAtMs };
}
