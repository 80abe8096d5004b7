/** Cases of `records-valid`, `records-large` and `records-invalid`: build, parse, validate. */
import { hexEncode } from '../bytes.ts';
import type { MosaicError } from '../error.ts';
import { h32, h64 } from '../hash.ts';
import { encodeReference } from '../human.ts';
import { decodeKind } from '../kind.ts';
import { parseRecord, type RecordView } from '../record.ts';
import { buildRecord } from '../record-build.ts';
import { validateRecord } from '../record-validation.ts';
import { recordBytesFrom } from './byte-source.ts';
import { type CaseFields, VectorFailure } from './case-fields.ts';
import { expectAccept, expectBytes, expectReject, expectSame } from './expect.ts';
import { describeKind } from './kinds.ts';
import { recordInput } from './record-inputs.ts';
import { describeTag } from './tags.ts';

function describeRecord(record: RecordView): Readonly<Record<string, unknown>> {
  return {
    id: hexEncode(record.id),
    address: hexEncode(record.address),
    nonce: hexEncode(record.nonce),
    kind: hexEncode(record.kind),
    ...describeKind(decodeKind(record.kind)),
    author: hexEncode(record.author),
    signer: hexEncode(record.signingKey),
    timestamp: String(record.timestamp),
    flags: hexEncode(record.flags),
    zstd: record.zstd,
    from_author: record.fromAuthor,
    len_t: record.tagsLength,
    len_s: record.signatureLength,
    len_p: record.payloadLength,
    tags: [...record.tags()].map(describeTag),
    payload_blake3: hexEncode(h32(record.payload)),
    signature: hexEncode(record.signature),
  };
}

/** Runs one case of the set `records-valid`. */
export function runValidRecordCase(fields: CaseFields): void {
  const bytes = recordBytesFrom(fields);
  if (!fields.accepts()) throw new VectorFailure('a case of records-valid asks for a rejection');
  const built = expectAccept('building', () => buildRecord(recordInput(fields.object('inputs'))));
  expectBytes('built record', built.bytes, bytes);
  const record = expectAccept('validation', () => validateRecord(bytes));
  expectBytes('ID', record.id, fields.hex('id'));
  expectBytes('address', record.address, fields.hex('address'));
  expectSame('moref0 of the ID', encodeReference(record.id), fields.text('id_moref0'));
  expectSame(
    'moref0 of the address',
    encodeReference(record.address),
    fields.text('address_moref0'),
  );
  expectBytes('prehash', h64(record.signedData), fields.hex('prehash'));
  expectSame('fields', describeRecord(record), fields.raw('fields'));
}

/** Runs one case of the set `records-large`. */
export function runLargeRecordCase(fields: CaseFields): void {
  const bytes = recordBytesFrom(fields);
  expectSame('length', bytes.length, fields.integer('length'));
  expectBytes('hash of the whole record', h32(bytes), fields.hex('record_blake3'));
  const input = recordInput(fields.object('inputs'));
  const id = fields.hex('id');
  const signature = fields.hex('signature');
  if (!fields.accepts()) {
    expectBytes('ID', bytes.subarray(0, id.length), id);
    expectViolated(
      fields,
      expectReject('validation', () => validateRecord(bytes)),
    );
    expectReject('building', () => buildRecord(input));
    return;
  }
  fields.skip('step', 'all_steps');
  expectBytes('built record', expectAccept('building', () => buildRecord(input)).bytes, bytes);
  const record = expectAccept('validation', () => validateRecord(bytes));
  expectBytes('ID', record.id, id);
  expectBytes('signature', record.signature, signature);
}

/** Runs one case of the set `records-invalid`. */
export function runInvalidRecordCase(fields: CaseFields): void {
  const bytes = recordBytesFrom(fields);
  if (fields.accepts()) {
    expectSame('violated step', fields.text('step'), '');
    expectSame('violated steps', fields.list('all_steps').length, 0);
    expectBytes('record', expectAccept('validation', () => validateRecord(bytes)).bytes, bytes);
    return;
  }
  const error = expectReject('validation', () => validateRecord(bytes));
  expectViolated(fields, error);
  expectRange(error, bytes);
  const isStructural = error.step === '1' || error.step === '2';
  if (isStructural) expectReject('parsing', () => parseRecord(bytes));
  else expectAccept('parsing', () => parseRecord(bytes));
}

/** The reported step is one that the record violates. */
function expectViolated(fields: CaseFields, error: MosaicError): void {
  const first = fields.text('step');
  const violated = fields.has('all_steps') ? fields.list('all_steps') : [first];
  expectSame('error code', error.code, 'record');
  expectSame('first step among all', violated.includes(first), true);
  if (error.step !== undefined && violated.includes(error.step)) return;
  throw new VectorFailure(`reported step ${error.step}, violated: ${violated.join(', ')}`);
}

function expectRange(error: MosaicError, bytes: Uint8Array): void {
  const { start, end } = error.range ?? { start: -1, end: -1 };
  if (start >= 0 && start <= end && (end <= bytes.length || error.step === '2')) return;
  throw new VectorFailure(`the error's range [${start}:${end}) is not within the record`);
}
