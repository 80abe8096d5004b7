/**
 * Bans and the allow list as operators make them: facts of the registry, so that they outlast every
 * process and are seen by all. What bans do is in `ban-book.ts`.
 */
import { encodeUserKey, KEY_BYTES, MosaicError, type PublicKey } from '@mosaic-cluster/protocol';
import type { Changed, Fact, FactChange, Registry } from '@mosaic-cluster/store';
import {
  type AddressRange,
  assertAddressRange,
  formatAddressRange,
  maskAddress,
} from './address-range.ts';

/** The collections of the registry: who is kept out, and who is let in whatever else is said. */
export const BAN_COLLECTIONS = ['bans', 'allowed'] as const;
/** One of {@link BAN_COLLECTIONS}. */
export type BanCollection = (typeof BAN_COLLECTIONS)[number];

/** Most bytes of the name of whoever added a ban, in UTF-8. */
export const BAN_ADDED_BY_BYTES_MAX = 255;
/** Most bytes of a reason, in UTF-8. */
export const BAN_REASON_BYTES_MAX = 1024;

/** Whom a ban is about: whoever comes from one of these addresses, or proves this key. */
export type BanSubject = AddressRange | PublicKey;

/** A ban, or a line of the allow list, to add. */
export interface NewBan {
  readonly subject: BanSubject;
  /** When it ends by itself, in milliseconds since 1970; undefined: never. */
  readonly untilMs?: number | undefined;
  /** For the operator: why. Nobody else is told. */
  readonly reason?: string | undefined;
  /** For the operator: who added it. */
  readonly addedBy?: string | undefined;
}

/** A ban, or a line of the allow list. */
export interface BanFact {
  readonly subject: BanSubject;
  /** When it ends by itself, in milliseconds since 1970, perhaps in the past; undefined: never. */
  readonly untilMs: number | undefined;
  /** Empty: not said. */
  readonly reason: string;
  /** Empty: not said. */
  readonly addedBy: string;
  /** When it was added, or added again; milliseconds since 1970. */
  readonly changedAtMs: number;
}

const FORMAT = 1;
/** Format, end, bytes of the name. */
const HEAD_BYTES = 8;
const UNTIL_MS_MAX = 0xffff_ffff_ffff;
const KIND_KEY = 1;
const KIND_IPV4 = 4;
const KIND_IPV6 = 6;

/** Reads and changes one of the collections. */
export class Bans {
  readonly #registry: Registry;
  readonly #collection: BanCollection;

  /** @param collection `bans` or `allowed`: both work alike */
  constructor(registry: Registry, collection: BanCollection = 'bans') {
    this.#registry = registry;
    this.#collection = collection;
  }

  /**
   * Adds up to 10,000; a subject that is there already gets the new end and reason.
   *
   * @throws MosaicError as {@link banChange} or `Registry.change`
   */
  add(bans: readonly NewBan[]): Promise<Changed> {
    return this.#registry.change(bans.map((ban) => banChange(this.#collection, ban)));
  }

  /** Takes up to 10,000 out; others are passed over. Throws as `Registry.change`. */
  remove(subjects: readonly BanSubject[]): Promise<Changed> {
    return this.#registry.change(subjects.map((each) => banRemoval(this.#collection, each)));
  }

  /**
   * What is said of up to 1,000 subjects, of exactly these: not of larger ranges; undefined: nothing.
   * Throws as `Registry.get`.
   */
  async find(subjects: readonly BanSubject[]): Promise<(BanFact | undefined)[]> {
    const facts = await this.#registry.get(this.#collection, subjects.map(encodeSubject));
    return facts.map((fact) => fact && decodeBan(fact));
  }

  /**
   * Up to 1,000, behind a subject: keys, then IPv4, then IPv6, each in the order of their bytes. Those
   * that have ended are listed too. Throws as `Registry.list`.
   */
  async list(
    after?: BanSubject,
    limit = 1000,
  ): Promise<{ bans: readonly BanFact[]; hasMore: boolean }> {
    const collection = this.#collection;
    const key = after && encodeSubject(after);
    const page = await this.#registry.list({ collection, after: key, limit });
    return { bans: page.facts.flatMap((fact) => decodeBan(fact) ?? []), hasMore: page.hasMore };
  }
}

/**
 * The change that adds a ban, for callers who change more at once.
 *
 * @throws MosaicError `invalid`: `ban` for a key, end, name or reason that cannot be; `address-range`
 */
export function banChange(collection: BanCollection, ban: NewBan): FactChange {
  return { collection, key: encodeSubject(ban.subject), value: encodeBan(ban) };
}

/** The change that takes a ban out. @throws MosaicError `invalid` (`ban`, `address-range`) */
export function banRemoval(collection: BanCollection, subject: BanSubject): FactChange {
  return { collection, key: encodeSubject(subject), value: undefined };
}

/** Whether a subject is a key. */
export function isKeySubject(subject: BanSubject): subject is PublicKey {
  return subject instanceof Uint8Array;
}

/** A subject as people read it: an address range, or `mopub0…`. */
export function formatBanSubject(subject: BanSubject): string {
  return isKeySubject(subject) ? encodeUserKey(subject) : formatAddressRange(subject);
}

/**
 * What a fact of these collections says; undefined where its subject is of a kind that this version
 * does not know. Where only the value is of a newer format, the subject is banned without end.
 */
export function decodeBan({ key, value, changedAtMs }: Fact): BanFact | undefined {
  const subject = decodeSubject(key);
  if (subject === undefined) return undefined;
  const nameEnd = HEAD_BYTES + (value[HEAD_BYTES - 1] ?? 0);
  if (value[0] !== FORMAT || value.length < nameEnd) {
    return { subject, untilMs: undefined, reason: '', addedBy: '', changedAtMs };
  }
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  return {
    subject,
    untilMs: bytes.readUIntBE(1, 6) || undefined,
    addedBy: bytes.toString('utf8', HEAD_BYTES, nameEnd),
    reason: bytes.toString('utf8', nameEnd),
    changedAtMs,
  };
}

/** `[1] [key 32]`, `[4] [address 4] [prefix 1]` or `[6] [address 16] [prefix 1]`. */
function encodeSubject(subject: BanSubject): Uint8Array {
  if (isKeySubject(subject)) {
    if (subject.length !== KEY_BYTES) throw banFault(`a key has 32 bytes, not ${subject.length}`);
    return Buffer.concat([Buffer.of(KIND_KEY), subject]);
  }
  assertAddressRange(subject);
  const { bytes, prefixBits } = subject;
  const kind = bytes.length === 4 ? KIND_IPV4 : KIND_IPV6;
  return Buffer.concat([Buffer.of(kind), bytes, Buffer.of(prefixBits)]);
}

/** Whom the fact under a key is about; undefined where that is of a kind that this version does not know. */
export function decodeSubject(bytes: Uint8Array): BanSubject | undefined {
  const rest = Uint8Array.from(bytes.subarray(1));
  if (bytes[0] === KIND_KEY) return rest.length === KEY_BYTES ? rest : undefined;
  const addressBytes = bytes[0] === KIND_IPV4 ? 4 : 16;
  const isRange = bytes[0] === KIND_IPV4 || bytes[0] === KIND_IPV6;
  if (!isRange || rest.length !== addressBytes + 1) return undefined;
  const prefixBits = rest[addressBytes]!;
  if (prefixBits > 8 * addressBytes) return undefined;
  return { bytes: maskAddress(rest.subarray(0, addressBytes), prefixBits), prefixBits };
}

/** `[format 1: 1] [end, ms since 1970 or 0: 6 BE] [bytes of the name 1] [name] [reason]`. */
function encodeBan({ untilMs, reason = '', addedBy = '' }: NewBan): Uint8Array {
  if (
    untilMs !== undefined &&
    !(Number.isInteger(untilMs) && untilMs > 0 && untilMs <= UNTIL_MS_MAX)
  ) {
    throw banFault(`a ban ends at a whole number of milliseconds since 1970, not at ${untilMs}`);
  }
  const by = Buffer.from(addedBy);
  const text = Buffer.from(reason);
  if (by.length > BAN_ADDED_BY_BYTES_MAX || text.length > BAN_REASON_BYTES_MAX) {
    const message = `a ban's reason has at most ${BAN_REASON_BYTES_MAX} bytes, and the name of whoever added it ${BAN_ADDED_BY_BYTES_MAX}`;
    throw banFault(message);
  }
  const head = Buffer.alloc(HEAD_BYTES);
  head[0] = FORMAT;
  head.writeUIntBE(untilMs ?? 0, 1, 6);
  head[HEAD_BYTES - 1] = by.length;
  return Buffer.concat([head, by, text]);
}

function banFault(message: string): MosaicError {
  return new MosaicError('invalid', 'ban', message);
}
