/**
 * How single values read: keys, kinds, timestamps, references, bytes.
 */
import {
  decodeKind,
  encodeReference,
  encodeUserKey,
  hexEncode,
  isMosaicError,
  type Kind,
  kindName,
  type Reference,
  referenceKind,
  readU64BE,
  resultName,
  type Timestamp,
  TIMESTAMP_MAX,
} from '@mosaic-cluster/protocol';
import { count, readableText, safeText } from './display-text.ts';
import { formatMoment, leapSeconds } from './moment.ts';
import type { Json } from './report.ts';

/** A value for both outputs. */
export interface Shown {
  readonly value: Json;
  readonly lines: readonly string[];
}

/** Bytes as hex. */
export function showHex(bytes: Uint8Array): Shown {
  const hex = hexEncode(bytes);
  return { value: hex, lines: [hex === '' ? '(empty)' : hex] };
}

/** A public key: hex in JSON, its human encoding for people. */
export function showKey(key: Uint8Array): Shown {
  return { value: hexEncode(key), lines: [encodeUserKey(key)] };
}

/** A timestamp in UTC. */
export function showTimestamp(timestamp: Timestamp): Shown {
  if (timestamp > TIMESTAMP_MAX) {
    const value = { nanoseconds: String(timestamp), utc: null, leapSeconds: null };
    return { value, lines: [`${timestamp} ns (no timestamp: its first bit is 1)`] };
  }
  const utc = formatMoment(timestamp);
  const leap = leapSeconds(timestamp);
  return {
    value: { nanoseconds: String(timestamp), utc, leapSeconds: leap },
    lines: [utc, `${timestamp} ns, ${count(leap, 'leap second')} counted`],
  };
}

/** The 8 bytes of a timestamp, valid or not. */
export function showTimestampBytes(bytes: Uint8Array): Shown {
  return showTimestamp(readU64BE(bytes, 0));
}

/** A kind, valid or not, with its name where it has one. */
export function showKind(kind: Kind): Shown {
  const hex = hexEncode(kind);
  try {
    const fields = decodeKind(kind);
    const name = kindName(kind) ?? null;
    const { applicationId, applicationKind, duplicateHandling, audience, printable } = fields;
    const what = name ?? `application ${applicationId}, kind ${applicationKind}`;
    const flags = [duplicateHandling, `for ${audience.replaceAll('-', ' ')}`];
    if (printable) flags.push('printable');
    return {
      value: { hex, name, ...fields },
      lines: [`${what}  (${hex})`, flags.join(', ')],
    };
  } catch (error) {
    if (!isMosaicError(error)) throw error;
    return { value: { hex, name: null }, lines: [hex, `invalid: ${error.message}`] };
  }
}

/** A reference, with what it says of the record. */
export function showReference(reference: Reference): Shown {
  const human = encodeReference(reference);
  const value = { hex: hexEncode(reference), names: referenceKind(reference) };
  if (referenceKind(reference) === 'id') {
    return { value, lines: [human, `a record of ${showTimestampBytes(reference).lines[0]!}`] };
  }
  const author = showKey(reference.subarray(16, 48)).lines[0]!;
  return {
    value,
    lines: [human, `kind ${showKind(reference.subarray(8, 16)).lines[0]!}`, `author ${author}`],
  };
}

/** A result code with its name. */
export function showResult(code: number): Shown {
  const name = resultName(code) ?? null;
  return { value: { code, name }, lines: [`${code} ${name ?? '(not defined)'}`] };
}

/** Lines of a text, and bytes of a dump, that are shown unless all is asked for. */
const TEXT_LINES_MAX = 12;
const TEXT_CHARACTERS_MAX = 1200;
const DUMP_BYTES_MAX = 128;

/** A longer content: as text where it is one, else as a hex dump; cut unless `all`. */
export function showContent(bytes: Uint8Array, all: boolean): Shown {
  const text = readableText(bytes);
  const value = { hex: hexEncode(bytes), text: text ?? null };
  const head = count(bytes.length, 'byte');
  if (bytes.length === 0) return { value, lines: [head] };
  if (text === undefined) return { value, lines: [head, ...dumpLines(bytes, all)] };
  const shown = all ? text : text.slice(0, TEXT_CHARACTERS_MAX);
  const lines = shown.split(/\r?\n/);
  const kept = all ? lines : lines.slice(0, TEXT_LINES_MAX);
  const isCut = kept.length < lines.length || shown.length < text.length;
  const safe = kept.map((line) => safeText(line.replaceAll('\t', '    ')));
  return {
    value,
    lines: [`${head} of text`, ...safe, ...(isCut ? ['… (--full shows all)'] : [])],
  };
}

function dumpLines(bytes: Uint8Array, all: boolean): string[] {
  const shown = all ? bytes : bytes.subarray(0, DUMP_BYTES_MAX);
  const lines: string[] = [];
  for (let at = 0; at < shown.length; at += 16) {
    const hex = hexEncode(shown.subarray(at, at + 16));
    lines.push(hex.replace(/(.{2})(?=.)/g, '$1 ').replace(/^(.{23}) /, '$1  '));
  }
  if (shown.length < bytes.length) lines.push('… (--full shows all)');
  return lines;
}
