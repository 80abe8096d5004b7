/** Long bytes as the vector files write them: whole, as a repeated pattern, or in parts. */
import { concatBytes } from '../bytes.ts';
import { type CaseFields, VectorFailure } from './case-fields.ts';

/** Most bytes that a repeated pattern may grow to; the largest cases are just over a record. */
const REPEATED_BYTES_MAX = 64 * 1024 * 1024;

/** The bytes of `{hex}` or of `{repeat, len}`: the pattern repeated and cut to `len`. */
export function bytesFrom(fields: CaseFields): Uint8Array<ArrayBuffer> {
  if (fields.has('hex')) return fields.hex('hex');
  const pattern = fields.hex('repeat');
  const length = fields.integer('len');
  if (length < 0 || length > REPEATED_BYTES_MAX || (pattern.length === 0 && length > 0)) {
    throw new VectorFailure(`a pattern of ${pattern.length} bytes cannot fill ${length}`);
  }
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = pattern[i % pattern.length]!;
  return bytes;
}

/** The whole record: in `record`, or in the parts of `record_parts`. */
export function recordBytesFrom(fields: CaseFields): Uint8Array<ArrayBuffer> {
  if (fields.has('record')) return fields.hex('record');
  return concatBytes(...fields.objects('record_parts').map(bytesFrom));
}
