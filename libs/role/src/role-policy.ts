/**
 * What makes a role that role: whom it accepts records from and who may read them. Everything
 * else, the worker does the same way for all roles.
 */
import type { RoleName } from '@mosaic-cluster/bus';
import type { PublicKey, RecordView, Reference, ResultCode } from '@mosaic-cluster/protocol';

/** Who is served here. */
export interface ServedUsers {
  /** Whether `key` is the master key of somebody this server serves. */
  serves(key: PublicKey): boolean | Promise<boolean>;
  /** Whether somebody registered `key` by name: where everybody is served, not everybody is. */
  knows(key: PublicKey): boolean | Promise<boolean>;
}

/** Whom references speak of. */
export interface AuthorLookup {
  /** The authors of what references name, as far as they are known here. */
  authorsOf(references: readonly Reference[]): Promise<readonly PublicKey[]>;
}

/** What a policy may ask while it judges a record. */
export interface PolicyContext extends AuthorLookup {
  readonly users: ServedUsers;
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
   * Whether somebody may read a record. Asked for every record of every answer: a promise only
   * where it cannot be told otherwise.
   *
   * @param identities the master keys that the reader acts for; empty: anonymous
   */
  mayRead(
    stored: StoredForReading,
    identities: readonly PublicKey[],
    lookup: AuthorLookup,
  ): boolean | Promise<boolean>;
  /** The master keys that may read a record; undefined: everybody. For live delivery. */
  readers(
    stored: StoredForReading,
    lookup: AuthorLookup,
  ): readonly PublicKey[] | undefined | Promise<readonly PublicKey[] | undefined>;
  /**
   * Whether every record here has named readers. Then queries walk only what the reader may see,
   * so that not even their duration tells of other people's records.
   */
  readonly isPrivate: boolean;
}
