/** What a record of the vector files is made from, as input for `buildRecord`. */
import { equalBytes } from '../bytes.ts';
import { publicKeyOf } from '../key.ts';
import { nonceFrom, nonceFromTimestamp, type RecordInput } from '../record-build.ts';
import type { TagInput } from '../tag.ts';
import { encodeTimestamp, type Timestamp } from '../timestamp.ts';
import { bytesFrom } from './byte-source.ts';
import { type CaseFields, VectorFailure } from './case-fields.ts';
import { expectBytes } from './expect.ts';

function nonce(fields: CaseFields, timestamp: Timestamp): Uint8Array {
  const method = fields.text('method');
  switch (method) {
    case 'explicit':
      return fields.hex('input');
    case 'deterministic':
      return nonceFrom(fields.hex('input'));
    case 'timestamp':
      if (fields.has('input')) {
        expectBytes('nonce input', fields.hex('input'), encodeTimestamp(timestamp));
      }
      return nonceFromTimestamp(timestamp);
    default:
      throw new VectorFailure(`unknown nonce method "${method}"`);
  }
}

function tag(fields: CaseFields): TagInput {
  const value = fields.hex('value');
  if (fields.has('length') && fields.integer('length') !== value.length + 4) {
    throw new VectorFailure('a tag input has another length than its value');
  }
  return { type: fields.integer('type'), value };
}

/** Reads `inputs`; the keys that stand beside their seeds must be theirs. */
export function recordInput(fields: CaseFields): RecordInput {
  const secretKey = fields.hex('signer_seed');
  const author = publicKeyOf(fields.hex('author_seed'));
  const signer = publicKeyOf(secretKey);
  if (fields.has('author')) expectBytes('author', author, fields.hex('author'));
  if (fields.has('signer')) expectBytes('signer', signer, fields.hex('signer'));
  const timestamp = fields.decimal('timestamp');
  const flags = fields.integer('flags');
  if ((flags & ~0x05) !== 0) throw new VectorFailure(`flags ${flags} cannot be asked for`);
  return {
    kind: fields.hex('kind'),
    timestamp,
    secretKey,
    ...(equalBytes(author, signer) ? {} : { author }),
    nonce: nonce(fields.object('nonce'), timestamp),
    tags: fields.objects('tags').map(tag),
    payload: bytesFrom(fields.object('payload')),
    zstd: (flags & 0x01) !== 0,
    fromAuthor: (flags & 0x04) !== 0,
  };
}
