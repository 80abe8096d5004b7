/**
 * Records in a row, for people and for programs: shorter than what `mosaic inspect` says of one.
 */
import {
  decodeKind,
  encodeReference,
  encodeUserKey,
  kindName,
  type RecordView,
} from '@mosaic-cluster/protocol';
import { count, readableText, safeText } from './display-text.ts';
import { describeRecord } from './inspect-record.ts';
import { formatMoment } from './moment.ts';
import type { Paint } from './paint.ts';
import type { Json } from './report.ts';
import { reportJson } from './report-json.ts';

/** Characters of a key that tell people apart at a glance, its prefix included. */
const KEY_CHARACTERS = 18;

/** Most of a payload that is shown to people. */
const LINES_MAX = 40;
const CHARACTERS_MAX = 4_000;

/** A record as text: when, who, what; the payload; the ID. Safe for a terminal. */
export function recordText(record: RecordView, paint: Paint): string {
  const author = `${encodeUserKey(record.author).slice(0, KEY_CHARACTERS)}…`;
  const { applicationId, applicationKind, printable } = decodeKind(record.kind);
  const kind = kindName(record.kind) ?? `application ${applicationId}, kind ${applicationKind}`;
  const head = `${formatMoment(record.timestamp)}  ${author}  ${kind}`;
  const lines = [...payloadLines(record, printable), paint.dim(encodeReference(record.id))];
  return `${paint.bold(head)}\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function payloadLines(record: RecordView, isPrintable: boolean): string[] {
  const { payload, zstd } = record;
  const size = count(payload.length, 'byte');
  if (zstd) return [`(${size}, Zstandard-compressed)`];
  if (payload.length === 0) return ['(empty)'];
  const text = isPrintable ? asUtf8(payload) : readableText(payload);
  if (text === undefined) return [`(${size})`];
  const lines = text.slice(0, CHARACTERS_MAX).trimEnd().split(/\r?\n/);
  const shown = lines.slice(0, LINES_MAX).map((line) => safeText(line.replaceAll('\t', '    ')));
  const isCut = text.length > CHARACTERS_MAX || lines.length > LINES_MAX;
  return isCut ? [...shown, `… (${size}; --json shows all)`] : shown;
}

/** What says that it is text is taken for text, even where it holds control characters. */
function asUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** A record as one line of JSON: names as in `mosaic inspect --json`, without ranges and checks. */
export function recordJson(record: RecordView): string {
  const { type, valid, fault, fields, nested, remarks } = reportJson(describeRecord(record));
  return jsonLine({ type, valid, fault, fields, nested: bare(nested), remarks });
}

/** The reports inside a record, without ranges and checks as well. */
function bare(nested: Json | undefined): Json {
  const reports = Object.entries((nested ?? {}) as Readonly<Record<string, ReportJson>>);
  return Object.fromEntries(
    reports.map(([name, { type, valid, fault, fields, remarks }]) => {
      return [name, { type, valid, fault, fields, remarks }];
    }),
  );
}

type ReportJson = Readonly<Record<'type' | 'valid' | 'fault' | 'fields' | 'remarks', Json>>;

/** A value on a line of its own. Names whose value is undefined are left out. */
export function jsonLine(value: Readonly<Record<string, Json | undefined>>): string {
  return `${JSON.stringify(value)}\n`;
}
