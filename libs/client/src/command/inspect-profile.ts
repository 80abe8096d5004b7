/**
 * What a profile says of its owner.
 */
import {
  decodeProfile,
  parseProfile,
  type Profile,
  type RecordView,
} from '@mosaic-cluster/protocol';
import { count, safeText } from './display-text.ts';
import { errorOf } from './record-checks.ts';
import { faultOf, type Field, type Report, report, span } from './report.ts';

/** Looks into the payload of a valid record of the profile kind. */
export function inspectProfile(record: RecordView, base: number): Report {
  const start = record.payload.byteOffset - record.bytes.byteOffset + base;
  return explain(() => parseProfile(record), start, start + record.payloadLength);
}

/** Looks into a profile's CBOR that stands by itself. */
export function inspectProfilePayload(bytes: Uint8Array): Report {
  return explain(() => decodeProfile(bytes), 0, bytes.length);
}

function explain(parse: () => Profile, start: number, end: number): Report {
  let profile: Profile | undefined;
  const error = errorOf(() => {
    profile = parse();
  });
  // The library names no bytes of a wrong profile: it is the payload as a whole.
  if (error !== undefined) {
    const fault = faultOf(error);
    return report('profile', { fault: { ...fault, range: fault.range ?? span(start, end) } });
  }
  return report('profile', { fields: Object.entries(profile ?? {}).map(profileField) });
}

function profileField([name, value]: [string, unknown]): Field {
  const label = name.replace('_', ' ');
  if (value instanceof Uint8Array) {
    const hex = Buffer.from(value).toString('hex');
    return { name, label, value: hex, lines: [`an image of ${count(value.length, 'byte')}`] };
  }
  if (typeof value === 'boolean') return { name, label, value, lines: [value ? 'yes' : 'no'] };
  const text = String(value);
  return { name, label, value: text, lines: text.split(/\r?\n/).map(safeText) };
}
