/** A part of an object store under a prefix, for a bucket that is shared with others. */
import type { ByteRange } from '@mosaic-cluster/protocol';
import {
  assertObjectKey,
  type ObjectCallOptions,
  type ObjectInfo,
  type ObjectListing,
  type ObjectPage,
  type ObjectStore,
  settleListing,
} from './object-store.ts';
import { selfTestObjectStore } from './object-store-self-test.ts';

/**
 * The objects whose keys start with a prefix, as a store of their own. Closing it closes the store.
 *
 * @param prefix ends in a slash
 * @throws MosaicError `invalid` (`object-key`) for what no key can start with
 */
export function withKeyPrefix(store: ObjectStore, prefix: string): ObjectStore {
  assertObjectKey(prefix.replace(/\/$/, ''));
  return new PrefixedObjectStore(store, prefix);
}

class PrefixedObjectStore implements ObjectStore {
  readonly name: string;
  readonly #store: ObjectStore;
  readonly #prefix: string;

  constructor(store: ObjectStore, prefix: string) {
    this.name = `${prefix} in ${store.name}`;
    this.#store = store;
    this.#prefix = prefix;
  }

  async put(key: string, bytes: Uint8Array, options?: ObjectCallOptions): Promise<void> {
    await this.#store.put(this.#inside(key), bytes, options);
  }

  async get(key: string, range?: ByteRange, options?: ObjectCallOptions): Promise<Uint8Array> {
    return this.#store.get(this.#inside(key), range, options);
  }

  async head(key: string, options?: ObjectCallOptions): Promise<ObjectInfo | undefined> {
    const found = await this.#store.head(this.#inside(key), options);
    return found && this.#outside(found);
  }

  async list(listing: ObjectListing, options?: ObjectCallOptions): Promise<ObjectPage> {
    const { prefix, after, limit } = settleListing(listing);
    const page = await this.#store.list(
      {
        prefix: this.#prefix + prefix,
        after: after === undefined ? undefined : this.#prefix + after,
        limit,
      },
      options,
    );
    return { ...page, objects: page.objects.map((info) => this.#outside(info)) };
  }

  async delete(keys: readonly string[], options?: ObjectCallOptions): Promise<void> {
    await this.#store.delete(
      keys.map((key) => this.#inside(key)),
      options,
    );
  }

  selfTest(): Promise<void> {
    return selfTestObjectStore(this);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  #inside(key: string): string {
    assertObjectKey(key);
    return this.#prefix + key;
  }

  #outside(info: ObjectInfo): ObjectInfo {
    return { ...info, key: info.key.slice(this.#prefix.length) };
  }
}
