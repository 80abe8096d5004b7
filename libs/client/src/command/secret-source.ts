/**
 * Where secrets come from: options, files, the environment, standard input. Nothing here puts a
 * secret into an error.
 */
import {
  decodeSecretKey,
  decryptSecretKey,
  hexDecode,
  humanKind,
  isMosaicError,
  MosaicError,
  type SecretKey,
} from '@mosaic-cluster/protocol';
import { usageError } from './exit-code.ts';
import type { Host } from './host.ts';

/** How to give a secret key, for help texts. */
export const SECRET_HELP = `
Secret keys are written as mosec0… or 64 hex digits, or as @FILE that holds one. What stands on a
command line can be seen by others on the machine: prefer @FILE or the variable MOSAIC_SECRET_KEY
(same forms). A key under a password (mocryptsec0…) needs --password-stdin.`;

const REMEDY = 'Give it as @FILE, mosec0… or 64 hex digits, or set MOSAIC_SECRET_KEY.';

/** The password on standard input's first line. @throws MosaicError with code `usage` if empty */
export async function readPassword(host: Host): Promise<string> {
  const option = '--password-stdin';
  const bytes = await host.readInput(option);
  const password = new TextDecoder().decode(bytes).split(/\r?\n/, 1)[0] ?? '';
  if (password !== '') return password;
  throw usageError(option, 'there is no password on standard input', 'Pipe one in, on one line.');
}

/**
 * The secret key that `--secret` or the environment names.
 *
 * @param text what the option says; absent: `MOSAIC_SECRET_KEY`
 * @param password for an encrypted key, where one was given
 * @throws MosaicError with code `usage`
 */
export function readSecretKey(
  host: Host,
  text: string | undefined,
  password: string | undefined,
): SecretKey {
  const given = text ?? host.settings.secretKey;
  const option = text === undefined ? 'MOSAIC_SECRET_KEY' : '--secret';
  if (given === undefined) throw usageError('--secret', 'there is no key to sign with', REMEDY);
  return parseSecretKey(host, option, given, password);
}

/** Reads a secret key in any of its forms. @throws MosaicError with code `usage` */
export function parseSecretKey(
  host: Host,
  option: string,
  given: string,
  password: string | undefined,
): SecretKey {
  const path = given.startsWith('@') ? given.slice(1) : undefined;
  const text =
    path === undefined ? given.trim() : Buffer.from(host.readFile(option, path)).toString().trim();
  const where = path === undefined ? 'the value' : `what ${path} holds`;
  switch (humanKind(text)) {
    case 'secretKey':
      return sealed(option, where, () => decodeSecretKey(text));
    case 'encryptedSecretKey':
      if (password === undefined) {
        throw usageError(option, `${where} is under a password`, 'Add --password-stdin.');
      }
      return decrypt(option, text, password);
    case 'userKey':
    case 'serverKey':
      throw usageError(option, `${where} is a public key, a secret one is needed`, REMEDY);
    default:
      if (/^[0-9a-f]{64}$/i.test(text)) return hexDecode(text);
      throw usageError(option, `${where} is no secret key`, REMEDY);
  }
}

function sealed(option: string, where: string, decode: () => SecretKey): SecretKey {
  try {
    return decode();
  } catch (error) {
    if (!isMosaicError(error)) throw error;
    throw usageError(option, `${where} is a damaged secret key`, REMEDY);
  }
}

/**
 * Takes a key out from under its password.
 *
 * @throws MosaicError `unauthorized` with code `password`; `invalid` with code `usage` or
 *   `encrypted-key`
 */
export function decrypt(option: string, text: string, password: string): SecretKey {
  try {
    return decryptSecretKey(text, password);
  } catch (error) {
    // Asking for more memory than there is ends as a RangeError of the engine.
    if (error instanceof RangeError) {
      throw new MosaicError('invalid', 'encrypted-key', 'its cost needs more memory than there is');
    }
    if (isMosaicError(error) && error.code === 'human-encoding') {
      throw usageError(option, 'that is a damaged encrypted key', 'Copy it again, whole.');
    }
    throw error;
  }
}
