/**
 * Trust on first use: a server whose key nobody told us may be believed once, if what it said is
 * remembered and every later connection must show the same key.
 */
import type { PublicKey } from '@mosaic-cluster/protocol';

/** Remembers which key each server showed first. */
export interface TrustStore {
  /**
   * The key that is remembered for a server.
   *
   * @param server `host:port`
   * @returns 32 bytes; undefined where the server was never met
   */
  get(server: string): Promise<PublicKey | undefined>;
  /**
   * Remembers the key of a server that was never met.
   *
   * @throws MosaicError `conflict` with code `trust-store` where another key is remembered already
   */
  add(server: string, key: PublicKey): Promise<void>;
}
