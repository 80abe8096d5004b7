/** Which subjects a live record travels on, and which a gateway listens to for an interest. */
import {
  type PublicKey,
  readU16,
  RECORD_AT,
  type RecordView,
  TAG_HEAD_BYTES,
} from '@mosaic-cluster/protocol';
import type { LiveInterest, LiveRecord, RoleName } from './contract.ts';

const KEY_TOKEN_BYTES = 15;
/** As many as most records have: each costs listeners a subscription, each further copy a message. */
const TAGS_PER_SUBJECT = 4;
const ANY_TAGS = '.*'.repeat(TAGS_PER_SUBJECT);
/** Stands where a subject has nothing to name. */
const NOTHING = '-';

/** The subjects of one installation. */
export interface Subjects {
  readonly sync: string;
  readonly beat: string;
  /** Where all processes take questions of operators. */
  readonly ask: string;
  /** Where a role takes one kind of request. */
  request(role: RoleName, operation: string): string;
  /** The beginning of a role's live subjects; `*` for all roles. */
  live(role: RoleName | '*'): string;
}

/** The subjects below a namespace, whose tokens the caller has checked. */
export function subjectsOf(namespace: string): Subjects {
  const base = `${namespace}.v1`;
  return {
    sync: `${base}.sync`,
    beat: `${base}.beat`,
    ask: `${base}.ask`,
    request: (role, operation) => `${base}.${role}.${operation}`,
    live: (role) => `${base}.live.${role}`,
  };
}

/** The subject of private records for a reader. */
export function readerSubject(prefix: string, reader: PublicKey): string {
  return `${prefix}.p.${keyTokenAt(reader, 0)}`;
}

/** How many copies of a record its tags may cost. */
export interface TagBounds {
  readonly tagsMax: number;
  readonly copyBytesMax: number;
}

/**
 * The subjects of a public record: one that names its author, signing key, kind and first tags,
 * and more for more tags.
 *
 * @param bytes of one copy
 */
export function recordSubjects(
  prefix: string,
  record: RecordView,
  bytes: number,
  bounds: TagBounds,
): string[] {
  const tokens = tagTokens(record, bounds.tagsMax);
  const copies = Math.ceil((tokens?.length ?? 0) / TAGS_PER_SUBJECT) - 1;
  // A single copy is never worse than the one that would take its place.
  const isTooMuch = tokens === undefined || (copies > 1 && copies * bytes > bounds.copyBytesMax);
  const tags = isTooMuch ? [] : tokens;
  const author = keyTokenAt(record.bytes, RECORD_AT.author);
  const signer = keyTokenAt(record.bytes, RECORD_AT.signingKey);
  const kind = tokenOf(record.bytes, RECORD_AT.kind, RECORD_AT.kind + 8);
  const subjects = [`${prefix}.r.${author}.${signer}.${kind}${tagPart(tags, 0)}`];
  for (let from = TAGS_PER_SUBJECT; from < tags.length; from += TAGS_PER_SUBJECT) {
    subjects.push(`${prefix}.r.${NOTHING}.${NOTHING}.${NOTHING}${tagPart(tags, from)}`);
  }
  if (isTooMuch) subjects.push(`${prefix}.m`);
  return subjects;
}

/** The subjects on which everything arrives that an interest asks for, and perhaps more. */
export function interestSubjects(subjects: Subjects, interest: LiveInterest): readonly string[] {
  const prefix = subjects.live('*');
  const { author, signingKey, kind, tag, reader } = interest;
  if (reader !== undefined) return [readerSubject(prefix, reader)];
  if (tag !== undefined) return tagInterest(prefix, tagToken(tag, 0, tag.length));
  const tokens = [
    author === undefined ? '*' : keyTokenAt(author, 0),
    signingKey === undefined ? '*' : keyTokenAt(signingKey, 0),
    kind === undefined ? '*' : tokenOf(kind, 0, kind.length),
  ];
  return [`${prefix}.r.${tokens.join('.')}${ANY_TAGS}`];
}

/** Whether a record goes to particular readers only. */
export function isPrivate(live: LiveRecord): live is LiveRecord & { readers: PublicKey[] } {
  return live.readers !== undefined;
}

/** Wherever among a record's tags it stands. */
function tagInterest(prefix: string, token: string): string[] {
  const subjects = [`${prefix}.m`];
  for (let position = 0; position < TAGS_PER_SUBJECT; position++) {
    const before = '.*'.repeat(position);
    const after = '.*'.repeat(TAGS_PER_SUBJECT - position - 1);
    subjects.push(`${prefix}.r.*.*.*${before}.${token}${after}`);
  }
  return subjects;
}

/** The tokens of a record's tags, each once; undefined where there are more than allowed. */
function tagTokens({ bytes, tagsEnd }: RecordView, tagsMax: number): string[] | undefined {
  const tokens: string[] = [];
  for (let at: number = RECORD_AT.tags; at < tagsEnd; ) {
    // Never less than a head: a malformed record must not stop the process.
    const end = at + Math.max(readU16(bytes, at), TAG_HEAD_BYTES);
    const token = tagToken(bytes, at, end);
    if (!tokens.includes(token)) tokens.push(token);
    if (tokens.length > tagsMax) return undefined;
    at = end;
  }
  return tokens;
}

/** The tokens of one subject, from one tag on. */
function tagPart(tokens: readonly string[], from: number): string {
  let part = '';
  for (let at = from; at < from + TAGS_PER_SUBJECT; at++) part += `.${tokens[at] ?? NOTHING}`;
  return part;
}

function tagToken(bytes: Uint8Array, start: number, end: number): string {
  const digits = (seed: number): string =>
    murmur3(bytes, start, end, seed).toString(16).padStart(8, '0');
  return digits(0) + digits(1);
}

function keyTokenAt(bytes: Uint8Array, at: number): string {
  return tokenOf(bytes, at, at + KEY_TOKEN_BYTES);
}

function tokenOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('base64url');
}

/**
 * MurmurHash3, x86, 32 bit: quick and stable. Whoever makes two tags collide gains nothing but what
 * using the other's tag would give: its readers' gateways look at the record and drop it.
 */
export function murmur3(bytes: Uint8Array, start: number, end: number, seed: number): number {
  let hash = seed;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const word =
      bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    hash ^= mixWord(word);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe654_6b64) | 0;
  }
  let tail = 0;
  for (let i = end - 1; i >= at; i--) tail = (tail << 8) | bytes[i]!;
  if (at < end) hash ^= mixWord(tail);
  hash ^= end - start;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function mixWord(word: number): number {
  const mixed = Math.imul(word, 0xcc9e_2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b87_3593);
}
