/**
 * Secret keys under a password, the bytes behind `mocryptsec0`.
 *
 *     [0]      version, 1
 *     [1]      log₂ of scrypt's N
 *     [2:18)   salt
 *     [18:58)  scrypt(password, salt, N, r 8, p 1) XOR (seed 32 ‖ random 4 ‖ random XOR check 4)
 *
 * The password is normalised to NFKC, so that it can be typed anywhere.
 *
 * Source: Mosaic specification 0.8.0, "Encrypted secret key"; its decryption half says 54 and 36
 * where only 58 and 40 undo the encryption.
 */
import { etc } from '@noble/ed25519';
import { scrypt } from '@noble/hashes/scrypt.js';
import { concatBytes } from './bytes.ts';
import { MosaicError } from './error.ts';
import { decodeHuman, encodeHuman } from './human.ts';
import { assertSecretKey, type SecretKey } from './key.ts';

const VERSION = 1;
const CHECK_BYTES: readonly number[] = [0xb9, 0x60, 0xa1, 0xe2];
/** The default cost: 256 MiB, about a second. */
export const LOG_N_DEFAULT = 18;
/** The greatest cost that is computed: 4 GiB. */
export const LOG_N_MAX = 22;

/** Cost and randomness of an encryption; tests give all of it. */
export interface EncryptionOptions {
  /** log₂ of scrypt's N, 1 to 22; memory is 2^logN KiB. */
  readonly logN?: number;
  /** 16 bytes. */
  readonly salt?: Uint8Array;
  /** 4 bytes. */
  readonly random?: Uint8Array;
}

function symmetricKey(password: string, salt: Uint8Array, logN: number): Uint8Array {
  if (!Number.isInteger(logN) || logN < 1 || logN > LOG_N_MAX) {
    throw new MosaicError(
      'invalid',
      'encrypted-key',
      `log N is ${logN}, 1 to ${LOG_N_MAX} allowed`,
    );
  }
  const N = 2 ** logN;
  const maxmem = 128 * 8 * (N + 3) + 1024;
  try {
    return scrypt(password.normalize('NFKC'), salt, { N, r: 8, p: 1, dkLen: 40, maxmem });
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const message = `a key of log N ${logN} needs ${N / 1024} MiB, which are not there`;
    throw new MosaicError('unavailable', 'memory', message, { cause });
  }
}

function xorInto(target: Uint8Array, other: Uint8Array): Uint8Array {
  for (let i = 0; i < target.length; i++) target[i]! ^= other[i]!;
  return target;
}

/**
 * Puts a secret key under a password. Blocks for as long as scrypt takes.
 *
 * @returns `mocryptsec0…`
 * @throws MosaicError `invalid` with code `secret-key` or `encrypted-key`; `unavailable` with code
 *   `memory` where the cost asks for more than there is
 */
export function encryptSecretKey(
  secret: SecretKey,
  password: string,
  options: EncryptionOptions = {},
): string {
  assertSecretKey(secret);
  const { logN = LOG_N_DEFAULT, salt = etc.randomBytes(16), random = etc.randomBytes(4) } = options;
  if (salt.length !== 16 || random.length !== 4) {
    throw new MosaicError('invalid', 'encrypted-key', 'salt has 16 bytes, random 4');
  }
  const checked = concatBytes(secret, random, xorInto(Uint8Array.from(CHECK_BYTES), random));
  xorInto(checked, symmetricKey(password, salt, logN));
  const text = encodeHuman(
    'encryptedSecretKey',
    concatBytes(Uint8Array.of(VERSION, logN), salt, checked),
  );
  checked.fill(0);
  return text;
}

/**
 * Checks what can be seen of `mocryptsec0…` without the password: length and version.
 *
 * @returns its 58 bytes
 * @throws MosaicError `invalid` with code `human-encoding` or `encrypted-key`
 */
export function decodeEncryptedSecretKey(text: string): Uint8Array {
  const bytes = decodeHuman('encryptedSecretKey', text);
  if (bytes[0] !== VERSION) {
    throw new MosaicError('invalid', 'encrypted-key', `version ${bytes[0]} is not known`, {
      range: { start: 0, end: 1 },
    });
  }
  return bytes;
}

/**
 * Takes a secret key out from under its password. Blocks for as long as scrypt takes.
 *
 * @throws MosaicError `unauthorized` with code `password` where the password is wrong; `invalid`
 *   with code `human-encoding` or `encrypted-key` where the text is none; `unavailable` with code
 *   `memory` where its cost asks for more than there is
 */
export function decryptSecretKey(text: string, password: string): SecretKey {
  const bytes = decodeEncryptedSecretKey(text);
  const checked = bytes.slice(18, 58);
  xorInto(checked, symmetricKey(password, bytes.subarray(2, 18), bytes[1]!));
  const check = xorInto(checked.slice(36, 40), checked.subarray(32, 36));
  const isRight = CHECK_BYTES.every((byte, i) => check[i] === byte);
  const secret = checked.slice(0, 32);
  checked.fill(0);
  if (isRight) return secret;
  secret.fill(0);
  throw new MosaicError('unauthorized', 'password', 'the password is wrong');
}
