/** Cases of `keys`: key pairs, valid keys, human encodings, references, encrypted secret keys. */
import {
  decodeEncryptedSecretKey,
  decryptSecretKey,
  encryptSecretKey,
} from '../encrypted-secret-key.ts';
import {
  decodeRecord,
  decodeReference,
  decodeSecretKey,
  decodeServerKey,
  decodeUserKey,
  encodeHuman,
  encodeReference,
  encodeSecretKey,
  encodeServerKey,
  encodeUserKey,
  HUMAN_PREFIX,
  type HumanKind,
  humanKind,
} from '../human.ts';
import { asPublicKey, isPublicKey, publicKeyOf } from '../key.ts';
import { validateRecord } from '../record-validation.ts';
import { referenceKind } from '../reference.ts';
import { type CaseFields, VectorFailure } from './case-fields.ts';
import { expectAccept, expectBytes, expectReject, expectSame } from './expect.ts';

const DECODERS: Readonly<Record<HumanKind, (text: string) => Uint8Array>> = {
  userKey: decodeUserKey,
  serverKey: decodeServerKey,
  secretKey: decodeSecretKey,
  encryptedSecretKey: decodeEncryptedSecretKey,
  reference: decodeReference,
  record: (text) => validateRecord(decodeRecord(text).bytes).bytes,
};

const KIND_OF_PREFIX: ReadonlyMap<string, HumanKind> = new Map(
  Object.entries(HUMAN_PREFIX).map(([kind, prefix]) => [prefix, kind as HumanKind]),
);

function keyPair(fields: CaseFields): void {
  const seed = fields.hex('seed');
  const key = fields.hex('public');
  expectBytes('public key', publicKeyOf(seed), key);
  expectSame('validity', isPublicKey(key), true);
  expectSame('mosec0', encodeSecretKey(seed), fields.text('mosec0'));
  expectSame('mopub0', encodeUserKey(key), fields.text('mopub0'));
  expectSame('mosrv0', encodeServerKey(key), fields.text('mosrv0'));
  expectBytes('decoded mosec0', decodeSecretKey(fields.text('mosec0')), seed);
  expectBytes('decoded mopub0', decodeUserKey(fields.text('mopub0')), key);
  expectBytes('decoded mosrv0', decodeServerKey(fields.text('mosrv0')), key);
}

function publicKeyCheck(fields: CaseFields): void {
  const key = fields.hex('public');
  const isAccepted = fields.accepts();
  expectSame('validity', isPublicKey(key), isAccepted);
  if (isAccepted) expectBytes('key', asPublicKey(key), key);
  else expectReject('key', () => asPublicKey(key));
}

function humanDecode(fields: CaseFields): void {
  const prefix = fields.text('kind');
  const kind = KIND_OF_PREFIX.get(prefix);
  if (kind === undefined) throw new VectorFailure(`unknown kind "${prefix}"`);
  const input = fields.text('input');
  if (!fields.accepts()) {
    if (fields.has('bytes')) throw new VectorFailure('a rejected text has bytes');
    expectReject(input, () => DECODERS[kind](input));
    return;
  }
  const want = fields.hex('bytes');
  expectSame('claimed kind', humanKind(input), kind);
  expectBytes(
    'decoded bytes',
    expectAccept('decoding', () => DECODERS[kind](input)),
    want,
  );
  // The last character may hold unused bits, which decoding ignores and encoding writes as zero.
  const encoded = encodeHuman(kind, want);
  expectSame('encoded length', encoded.length, input.length);
  expectSame('encoded text', encoded.slice(0, -1), input.slice(0, -1));
  expectBytes('encoded and decoded bytes', DECODERS[kind](encoded), want);
}

function reference(fields: CaseFields): void {
  const bytes = fields.hex('bytes');
  expectSame('kind', referenceKind(bytes), fields.text('ref_kind'));
  expectSame('moref0', encodeReference(bytes), fields.text('moref0'));
  expectBytes('decoded moref0', decodeReference(fields.text('moref0')), bytes);
}

function encryptedSecretKey(fields: CaseFields): void {
  const text = fields.text('text');
  const seed = fields.hex('seed');
  const password = fields.text('password');
  const options = {
    logN: fields.integer('log_n'),
    salt: fields.hex('salt'),
    random: fields.hex('rand4'),
  };
  expectBytes('bytes', decodeEncryptedSecretKey(text), fields.hex('bytes'));
  expectSame('encrypted text', encryptSecretKey(seed, password, options), text);
  expectBytes('decrypted seed', decryptSecretKey(text, password), seed);
  if (!fields.has('wrong_password')) return;
  const wrong = fields.text('wrong_password');
  const error = expectReject('wrong password', () => decryptSecretKey(text, wrong));
  expectSame('error code of a wrong password', error.code, 'password');
}

/** Runs one case of the set `keys`. */
export function runKeyCase(fields: CaseFields): void {
  const type = fields.text('type');
  switch (type) {
    case 'keypair':
      return keyPair(fields);
    case 'public_key_check':
      return publicKeyCheck(fields);
    case 'human_decode':
      return humanDecode(fields);
    case 'reference':
      return reference(fields);
    case 'mocryptsec0':
      return encryptedSecretKey(fields);
    default:
      throw new VectorFailure(`unknown type "${type}"`);
  }
}
