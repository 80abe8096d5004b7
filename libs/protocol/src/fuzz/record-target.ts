/** Fuzzes records: parsing, every field, validation in order, and building the same bytes again. */
import { equalBytes, pad8, writeU16, writeU32 } from '../bytes.ts';
import { h64 } from '../hash.ts';
import { RECORD_AT, RECORD_HEAD_BYTES, parseRecord, type RecordView } from '../record.ts';
import { buildRecord } from '../record-build.ts';
import { recordFaultOf } from '../record-validation.ts';
import { verifyPrehash } from '../signature.ts';
import { encodeTags } from '../tag.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';
import { type FuzzTarget, require } from './target.ts';

/** Makes the three lengths fit the bytes again, so that a mutation reaches the later checks. */
function repairLengths(bytes: Uint8Array, random: Random): void {
  const room = Math.floor((bytes.length - RECORD_HEAD_BYTES) / 8) * 8 - 64;
  if (room < 0) return;
  const tags = random.oneIn(2) ? 0 : 8 * random.below(room / 8 + 1);
  writeU16(bytes, RECORD_AT.tagsLength, Math.max(0, tags - random.below(8)));
  writeU16(bytes, RECORD_AT.signatureLength, 64);
  writeU32(bytes, RECORD_AT.payloadLength, Math.max(0, room - tags - random.below(8)));
}

/** Makes the ID fit the signed data again. */
function repairId(bytes: Uint8Array): void {
  let record: RecordView;
  try {
    record = parseRecord(bytes);
  } catch {
    return;
  }
  bytes.set(bytes.subarray(128, 136), 0);
  bytes.set(h64(record.signedData).subarray(0, 40), RECORD_AT.hash);
}

/** Bytes that look like a record at least in places. */
export function generateRecord(random: Random, seeds: readonly Uint8Array[]): Uint8Array {
  const bytes = mutate(random.pick(seeds), random, seeds).slice();
  if (random.oneIn(4)) repairLengths(bytes, random);
  if (!random.oneIn(3)) repairId(bytes);
  return bytes;
}

/** Reads every field, as a server would of a record that is only parsed. */
function readFields(record: RecordView): void {
  require(record.id.length === 48 && record.address.length === 48, 'a field is cut off');
  require(record.timestamp >= 0n, 'the timestamp is negative');
  require(record.payload.length === record.payloadLength, 'the payload is cut off');
  require(record.signature.length === record.signatureLength, 'the signature is cut off');
  require(record.signedEnd <= record.bytes.length, 'the signed data overrun the record');
  require(typeof record.audience === 'string', 'there is no audience');
  require(typeof record.duplicateHandling === 'string', 'there is no duplicate handling');
  let tagBytes = 0;
  for (const tag of record.tags()) tagBytes += tag.bytes.length;
  require(tagBytes <= record.tagsLength, 'the tags overrun their section');
  record.notifies(record.author);
  require(equalBytes(record.copy().bytes, record.bytes), 'a copy differs');
}

/** Whether a writer could have written it: padding and ignored flag bytes are zero. */
function isCanonical(record: RecordView): boolean {
  const { bytes, tagsEnd, payload, signedEnd } = record;
  const payloadEnd = RECORD_AT.tags + pad8(record.tagsLength) + payload.length;
  const isZero = (start: number, end: number): boolean =>
    bytes.subarray(start, end).every((byte) => byte === 0);
  return (
    isZero(RECORD_AT.flags + 3, RECORD_AT.flags + 8) &&
    isZero(tagsEnd, RECORD_AT.tags + pad8(record.tagsLength)) &&
    isZero(payloadEnd, signedEnd)
  );
}

function rebuild(record: RecordView): Uint8Array {
  const input = {
    kind: record.kind,
    timestamp: record.timestamp,
    secretKey: new Uint8Array(32),
    author: record.author,
    nonce: record.nonce,
    tags: [...record.tags()],
    payload: record.payload,
    zstd: record.zstd,
    fromAuthor: record.fromAuthor,
  };
  return buildRecord(input, {
    publicKeyOf: () => record.signingKey,
    sign: () => record.signature,
  }).bytes;
}

/** The target for records. Signatures count as valid but for the sampled inputs. */
export function recordTarget(seeds: readonly Uint8Array[]): FuzzTarget {
  return {
    name: 'record',
    generate: (random) => generateRecord(random, seeds),
    run(input, isSampled) {
      const record = parseRecord(input);
      readFields(record);
      const verify = isSampled ? verifyPrehash : () => true;
      const fault = recordFaultOf(record, { verify });
      if (fault !== undefined) throw fault;
      require(equalBytes(encodeTags([...record.tags()]), record.tagSection), 'other tags');
      if (isCanonical(record)) require(equalBytes(rebuild(record), input), 'other bytes');
      return true;
    },
  };
}
