/**
 * What the audit log says of one change, and how that is kept: as facts of the registry, so that they are
 * written in one call with the change, wherever that is.
 *
 *     collection `audit`
 *     key    [0:8) when, in milliseconds since 1970, big endian  [8:16) 8 random bytes
 *            [16:18) which part of the entry, from 0, big endian
 *     value  [0:1) format: 1  [1:…) JSON: {by, action, on, detail, result}
 *
 * An entry about much has several parts, each with some of what it is about.
 */
import { randomBytes } from 'node:crypto';
import { MosaicError, readU64BE } from '@mosaic-cluster/protocol';
import { type Fact, FACT_VALUE_BYTES_MAX, type FactChange } from '@mosaic-cluster/store';

/** The collection of the registry that the audit log is in. */
export const AUDIT_COLLECTION = 'audit';
/** Most bytes of the name of whoever made a change, in UTF-8. */
export const AUDIT_NAME_BYTES_MAX = 255;
/** Most subjects of an entry. */
export const AUDIT_SUBJECTS_MAX = 1000;

const FORMAT = 1;
const KEY_BYTES = 18;
const HEAD_BYTES = 16;
/** Together with the longest texts these fit a fact. */
const SUBJECTS_OF_PART = 20;
const DETAIL_BYTES_MAX = 400;
const RESULT_BYTES_MAX = 200;

/** A change that was made. */
export interface AuditEntry {
  /** Milliseconds since 1970, by the clock of whoever made it. */
  readonly atMs: number;
  readonly by: string;
  /** The command: `users add`. */
  readonly action: string;
  /** What it is about, in the form that commands show: up to 1,000, each up to 96 characters. */
  readonly on: readonly string[];
  /** What the command was told besides; cut where it is long. */
  readonly detail: string;
  /** What it came to. */
  readonly result: string;
}

/** Something to note, and the name of the entry, so that it can be written again. */
export interface NamedEntry {
  readonly entry: AuditEntry;
  /** 16 bytes. */
  readonly head: Uint8Array;
}

/** Gives an entry its place in the log. */
export function nameEntry(entry: AuditEntry): NamedEntry {
  const head = Buffer.alloc(HEAD_BYTES);
  auditKeyAt(entry.atMs).forEach((byte, i) => (head[i] = byte));
  randomBytes(8).copy(head, 8);
  return { entry, head };
}

/** What all entries of a moment and later are behind: the first 8 bytes of their keys. */
export function auditKeyAt(ms: number): Uint8Array {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(ms));
  return key;
}

/** The facts of an entry. @throws MosaicError `invalid` (`audit`) where it cannot be kept */
export function encodeEntry({ entry, head }: NamedEntry): FactChange[] {
  const { by, action, on } = entry;
  const detail = cut(entry.detail, DETAIL_BYTES_MAX);
  const result = cut(entry.result, RESULT_BYTES_MAX);
  if (on.length > AUDIT_SUBJECTS_MAX) {
    throw unkept(`it is about ${on.length}, at most ${AUDIT_SUBJECTS_MAX} go into one`);
  }
  const parts = Math.max(1, Math.ceil(on.length / SUBJECTS_OF_PART));
  return Array.from({ length: parts }, (_, i) => {
    const some = on.slice(i * SUBJECTS_OF_PART, (i + 1) * SUBJECTS_OF_PART);
    const json = JSON.stringify({ by, action, on: some, detail, result });
    const value = Buffer.concat([Buffer.of(FORMAT), Buffer.from(json)]);
    if (value.length > FACT_VALUE_BYTES_MAX) throw unkept(`it has ${value.length} bytes`);
    return { collection: AUDIT_COLLECTION, key: Buffer.from([...head, i >> 8, i & 255]), value };
  });
}

function unkept(why: string): MosaicError {
  return new MosaicError('invalid', 'audit', `an entry of the audit log cannot be kept: ${why}`);
}

function cut(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) <= bytesMax) return text;
  // A character that was cut in two, and the mark of it, are left out.
  const kept = Buffer.from(text)
    .subarray(0, bytesMax - 3)
    .toString('utf8');
  return `${kept.replace(/�$/u, '')}…`;
}

/** One part of an entry, as it was found. */
export interface EntryPart {
  /** The same for all parts of an entry. */
  readonly name: string;
  readonly entry: AuditEntry;
}

/** Reads a fact of the log; what a newer version wrote is shown as far as its key tells. */
export function decodePart({ key, value }: Fact): EntryPart {
  const atMs = key.length >= 8 ? Number(readU64BE(key, 0)) : 0;
  const name = Buffer.from(key.subarray(0, HEAD_BYTES)).toString('hex');
  const told = key.length === KEY_BYTES && value[0] === FORMAT ? readJson(value.subarray(1)) : {};
  const text = (field: unknown): string => (typeof field === 'string' ? field : '');
  const on = Array.isArray(told['on']) ? told['on'].map(text) : [];
  const { by, action, detail, result } = told;
  return {
    name,
    entry: {
      atMs,
      by: text(by),
      action: text(action) || 'unknown',
      on,
      detail: text(detail),
      result: text(result),
    },
  };
}

interface Told {
  readonly by?: unknown;
  readonly action?: unknown;
  readonly on?: unknown;
  readonly detail?: unknown;
  readonly result?: unknown;
}

function readJson(bytes: Uint8Array): Told {
  try {
    const told: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof told === 'object' && told !== null ? told : {};
  } catch {
    return {};
  }
}
