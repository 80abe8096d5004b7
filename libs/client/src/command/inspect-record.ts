/**
 * What a record says, and whether it is valid; for a key schedule or a profile also what that
 * says.
 */
import {
  hexEncode,
  RECORD_AT,
  RECORD_HEAD_BYTES,
  recordFaultOf,
  recordLengthFault,
  RecordView,
  tagSectionFault,
  tagsIn,
} from '@mosaic-cluster/protocol';
import {
  showContent,
  showHex,
  showKey,
  showKind,
  showReference,
  showTimestamp,
} from './display-value.ts';
import { inspectKeySchedule } from './inspect-key-schedule.ts';
import { inspectProfile } from './inspect-profile.ts';
import { tagField } from './inspect-tag.ts';
import { recordChecks } from './record-checks.ts';
import { type Check, faultOf, type Field, type Report, report, span } from './report.ts';

/**
 * Looks into a record.
 *
 * @param bytes what should be exactly one record
 * @param base where it starts in the input, for byte ranges
 * @param all whether long contents are shown whole
 */
export function inspectRecord(bytes: Uint8Array, base: number, all: boolean): Report {
  const checks = recordChecks(bytes);
  const lengthFault = recordLengthFault(bytes);
  if (lengthFault !== undefined) {
    const hasHead = bytes.length >= RECORD_HEAD_BYTES;
    const fields = hasHead ? headFields(new RecordView(bytes), base) : [];
    return report('record', { fields, checks, fault: faultOf(lengthFault, base) });
  }
  const record = new RecordView(bytes);
  const error = recordFaultOf(record);
  const common = { ...said(record, base, all), checks };
  if (error !== undefined) return report('record', { ...common, fault: faultOf(error, base) });
  return meant(record, base, common);
}

/** What a record says that is known to be valid; nothing is checked again, nothing cut. */
export function describeRecord(record: RecordView): Report {
  return meant(record, 0, said(record, 0, true));
}

function said(record: RecordView, base: number, all: boolean): Partial<Report> {
  return {
    fields: [...headFields(record, base), ...bodyFields(record, base, all)],
    groups: [{ name: 'tags', label: 'tags', items: tagGroup(record, base) }],
    remarks: remarksOn(record),
  };
}

function meant(record: RecordView, base: number, common: Partial<Report>): Report {
  if (record.isKeySchedule) return withMeaning(common, inspectKeySchedule(record, base));
  if (record.isProfile) return withMeaning(common, inspectProfile(record, base));
  return report('record', common);
}

/** A record whose payload has a meaning that can be wrong too. */
function withMeaning(common: Partial<Report>, meaning: Report): Report {
  const { fault, type } = meaning;
  const verdict = fault === undefined ? 'passed' : 'failed';
  const check: Check = { step: type, label: type.replace('-', ' '), verdict };
  const told = fault === undefined ? check : { ...check, message: fault.message };
  const nested = [{ name: type === 'profile' ? 'profile' : 'keySchedule', report: meaning }];
  return report('record', {
    ...common,
    checks: [...(common.checks ?? []), told],
    nested,
    fault,
  });
}

function headFields(record: RecordView, base: number): Field[] {
  const at = (start: number, end: number): Pick<Field, 'range'> => ({
    range: span(start + base, end + base),
  });
  const reference = (bytes: Uint8Array): Pick<Field, 'value' | 'lines'> => ({
    value: hexEncode(bytes),
    lines: showReference(bytes).lines.slice(0, 1),
  });
  const flags = record.flags;
  const set = [...(record.zstd ? ['zstd'] : []), ...(record.fromAuthor ? ['from author'] : [])];
  const signer = showKey(record.signingKey);
  const own = record.signedByAuthor ? ["the author's own key"] : signer.lines;
  return [
    { name: 'id', label: 'id', ...at(0, 48), ...reference(record.id) },
    { name: 'address', label: 'address', ...at(48, 96), ...reference(record.address) },
    { name: 'nonce', label: 'nonce', ...at(48, 56), ...showHex(record.nonce) },
    { name: 'kind', label: 'kind', ...at(56, 64), ...showKind(record.kind) },
    { name: 'author', label: 'author', ...at(64, 96), ...showKey(record.author) },
    { name: 'signingKey', label: 'signing key', ...at(96, 128), ...signer, lines: own },
    {
      name: 'timestamp',
      label: 'timestamp',
      ...at(128, 136),
      ...showTimestamp(record.timestamp),
    },
    {
      name: 'flags',
      label: 'flags',
      ...at(136, 144),
      value: { hex: hexEncode(flags), zstd: record.zstd, fromAuthor: record.fromAuthor },
      lines: [`${hexEncode(flags)}  (${set.length === 0 ? 'none' : set.join(', ')})`],
    },
    {
      name: 'lengths',
      label: 'lengths',
      ...at(144, 152),
      value: {
        tags: record.tagsLength,
        signature: record.signatureLength,
        payload: record.payloadLength,
      },
      lines: [
        `tags ${record.tagsLength}, signature ${record.signatureLength}, ` +
          `payload ${record.payloadLength}`,
      ],
    },
  ];
}

function bodyFields(record: RecordView, base: number, all: boolean): Field[] {
  const { payload, signature, signedEnd } = record;
  const payloadAt = payload.byteOffset - record.bytes.byteOffset + base;
  return [
    {
      name: 'payload',
      label: record.zstd ? 'payload (zstd)' : 'payload',
      range: span(payloadAt, payloadAt + payload.length),
      ...showContent(payload, all),
    },
    {
      name: 'signature',
      label: 'signature',
      range: span(signedEnd + base, signedEnd + base + signature.length),
      ...showHex(signature),
    },
  ];
}

/** The tags up to the first that is malformed. */
function tagGroup(record: RecordView, base: number): Field[] {
  const { bytes, tagsEnd } = record;
  const fault = tagSectionFault(bytes, RECORD_AT.tags, tagsEnd);
  const end = fault < 0 ? tagsEnd : fault;
  return [...tagsIn(bytes, RECORD_AT.tags, end)].map((tag) => tagField(tag, base));
}

function remarksOn(record: RecordView): string[] {
  const remarks: string[] = [];
  if (record.zstd)
    remarks.push('the payload is said to be Zstandard-compressed; it is shown as is');
  if (!record.signedByAuthor) {
    remarks.push("whether the signing key belongs to the author is in the author's key schedule");
  }
  if (record.duplicateHandling === 'ephemeral')
    remarks.push('servers deliver it and do not keep it');
  return remarks;
}
