/**
 * What a key or a reference says: public keys, secret keys, encrypted keys, references.
 */
import {
  decodeEncryptedSecretKey,
  describeKeyFault,
  encodeHuman,
  encodeReference,
  encodeSecretKey,
  encodeServerKey,
  encodeUserKey,
  hexEncode,
  kindFaultAt,
  MosaicError,
  publicKeyFault,
  publicKeyOf,
  REFERENCE_BYTES,
  referenceKind,
} from '@mosaic-cluster/protocol';
import { count } from './display-text.ts';
import { showHex, showKey, showKind, showTimestampBytes } from './display-value.ts';
import { errorOf } from './record-checks.ts';
import { faultOf, type Field, type Report, report, span } from './report.ts';
import { decrypt } from './secret-source.ts';

function wrongLength(what: string, expected: number, actual: number): MosaicError {
  const message = `${what} has ${expected} bytes, not ${actual}`;
  return new MosaicError('invalid', 'length', message, { range: { start: 0, end: actual } });
}

function plain(name: string, label: string, value: string): Field {
  return { name, label, value, lines: [value] };
}

/** A key's three public forms. */
function publicForms(key: Uint8Array): Field[] {
  return [
    plain('userKey', 'as a user', encodeUserKey(key)),
    plain('serverKey', 'as a server', encodeServerKey(key)),
    plain('publicKey', 'hex', hexEncode(key)),
  ];
}

/**
 * Looks into a public key.
 *
 * @param isAmbiguous whether nothing but their number said that the bytes are one
 */
export function inspectKey(bytes: Uint8Array, isAmbiguous: boolean): Report {
  const fault = publicKeyFault(bytes);
  const remarks = isAmbiguous
    ? ['32 bytes can also be a secret key: --as secret-key shows the public key of one']
    : [];
  if (fault === undefined) return report('key', { fields: publicForms(bytes), remarks });
  const error =
    fault === 'length'
      ? wrongLength('a key', 32, bytes.length)
      : new MosaicError('invalid', 'key', describeKeyFault(fault), {
          step: 'key',
          range: { start: 0, end: bytes.length },
        });
  // Half of all secret keys are no points: bytes that may be one are not repeated.
  const mayBeSecret = isAmbiguous && fault === 'not-a-point';
  const { range, ...hidden } = faultOf(error);
  return report('key', {
    fault: { ...hidden, range: mayBeSecret ? undefined : range },
    remarks,
  });
}

/** Looks into a secret key; the secret itself is in the report only where `showSecret`. */
export function inspectSecretKey(bytes: Uint8Array, showSecret: boolean): Report {
  if (bytes.length !== 32) {
    const { range: _hidden, ...fault } = faultOf(wrongLength('a secret key', 32, bytes.length));
    return report('secret-key', { fault: { ...fault, range: undefined } });
  }
  const secret = showSecret
    ? plain('secretKey', 'secret key', encodeSecretKey(bytes))
    : { name: 'secretKey', label: 'secret key', value: null, lines: ['(--show-secret shows it)'] };
  return report('secret-key', { fields: [...publicForms(publicKeyOf(bytes)), secret] });
}

/**
 * Looks into a secret key under a password.
 *
 * @param password to look further with; the secret stays hidden unless `showSecret`
 */
export function inspectEncryptedKey(
  bytes: Uint8Array,
  password: string | undefined,
  showSecret: boolean,
): Report {
  if (bytes.length !== 58) {
    return report('encrypted-key', {
      fault: faultOf(wrongLength('an encrypted key', 58, bytes.length)),
    });
  }
  const text = encodeHuman('encryptedSecretKey', bytes);
  const error = errorOf(() => decodeEncryptedSecretKey(text));
  if (error !== undefined) return report('encrypted-key', { fault: faultOf(error) });
  const logN = bytes[1]!;
  const memory = logN >= 10 ? count(2 ** (logN - 10), 'MiB').replace(/s$/, '') : `${2 ** logN} KiB`;
  const fields: Field[] = [
    { name: 'version', label: 'version', range: span(0, 1), value: bytes[0]!, lines: ['1'] },
    {
      name: 'logN',
      label: 'cost',
      range: span(1, 2),
      value: logN,
      lines: [`scrypt with N = 2^${logN}: ${memory} of memory per try`],
    },
    { name: 'salt', label: 'salt', range: span(2, 18), ...showHex(bytes.subarray(2, 18)) },
    {
      name: 'ciphertext',
      label: 'ciphertext',
      range: span(18, 58),
      ...showHex(bytes.subarray(18, 58)),
    },
  ];
  if (password === undefined) {
    const remarks = ['--password-stdin tells whose key it is'];
    return report('encrypted-key', { fields, remarks });
  }
  let inner: Report | undefined;
  const failure = errorOf(() => {
    const secret = decrypt('--password-stdin', text, password);
    inner = inspectSecretKey(secret, showSecret);
    secret.fill(0);
  });
  const opened = inner?.fields ?? [];
  return report('encrypted-key', {
    fields: [...fields, ...opened],
    fault: failure && faultOf(failure),
  });
}

/** Looks into a reference. */
export function inspectReference(bytes: Uint8Array): Report {
  if (bytes.length !== REFERENCE_BYTES) {
    const error = wrongLength('a reference', REFERENCE_BYTES, bytes.length);
    return report('reference', { fault: faultOf(error) });
  }
  const names = referenceKind(bytes);
  const what = names === 'id' ? 'one record, by its ID' : 'all records with this address';
  const common: Field[] = [
    { name: 'names', label: 'names', value: names, lines: [what] },
    plain('reference', 'reference', encodeReference(bytes)),
    plain('hex', 'hex', hexEncode(bytes)),
  ];
  if (names === 'id') {
    const timestamp = showTimestampBytes(bytes.subarray(0, 8));
    return report('reference', {
      fields: [
        ...common,
        { name: 'timestamp', label: 'timestamp', range: span(0, 8), ...timestamp },
        { name: 'hash', label: 'hash', range: span(8, 48), ...showHex(bytes.subarray(8, 48)) },
      ],
    });
  }
  const author = bytes.subarray(16, 48);
  const remarks: string[] = [];
  const kindFault = kindFaultAt(bytes, 8);
  if (kindFault !== undefined) remarks.push(`no record can have it: ${kindFault}`);
  const keyFault = publicKeyFault(author);
  if (keyFault !== undefined) remarks.push(`no record can have it: ${describeKeyFault(keyFault)}`);
  return report('reference', {
    fields: [
      ...common,
      { name: 'nonce', label: 'nonce', range: span(0, 8), ...showHex(bytes.subarray(0, 8)) },
      { name: 'kind', label: 'kind', range: span(8, 16), ...showKind(bytes.subarray(8, 16)) },
      { name: 'author', label: 'author', range: span(16, 48), ...showKey(author) },
    ],
    remarks,
  });
}
