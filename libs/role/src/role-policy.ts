/**
 * What makes a role that role: whom it accepts records from and who may read them. Everything
 * else, the worker does the same way for all roles.
 */
import type { RoleName } from '@mosaic-cluster/bus';
import type { PublicKey, RecordView, Reference, ResultCode } from '@mosaic-cluster/protocol';

/** Who is served here. */
export interface ServedUsers {
  /** Whether `key` is the master key of somebody this server serves. */
  serves(key: PublicKey): Promise<boolean>;
  /** Whether somebody registered `key` by name: where everybody is served, not everybody is. */
  knows(key: PublicKey): Promise<boolean>;
}

/** What a policy may ask while it judges a record. */
export interface PolicyContext {
  readonly users: ServedUsers;
  /** The author of a record that a reference names; undefined where it is not known here. */
  authorOf(reference: Reference): Promise<PublicKey | undefined>;
}

/** What a policy says of a record: take it, take it but hold it for a moderator, or a refusal. */
export type PolicyVerdict = 'accept' | 'hold' | ResultCode;

/** A stored record, as far as deciding who may read it goes. */
export interface StoredForReading {
  readonly record: RecordView;
  readonly held: boolean;
}

/** The rules of a role. */
export interface RolePolicy {
  readonly role: RoleName;
  /** Whether a record is for this role and welcome. Its signing key is judged elsewhere. */
  judge(record: RecordView, context: PolicyContext): Promise<PolicyVerdict>;
  /**
   * Whether somebody may read a record.
   *
   * @param identities the master keys that the reader acts for; empty: anonymous
   */
  mayRead(stored: StoredForReading, identities: readonly PublicKey[]): boolean;
  /** The master keys that may read a record; undefined: everybody. For live delivery. */
  readers(stored: StoredForReading): readonly PublicKey[] | undefined;
  /**
   * Whether every record here has named readers. Then queries walk only what the reader may see,
   * so that not even their duration tells of other people's records.
   */
  readonly isPrivate: boolean;
}
