/**
 * `mosaic keygen`: a new identity.
 */
import {
  encodeSecretKey,
  encodeServerKey,
  encodeUserKey,
  encryptSecretKey,
  generateSecretKey,
  hexEncode,
  LOG_N_DEFAULT,
  LOG_N_MAX,
  publicKeyOf,
  type SecretKey,
} from '@mosaic-cluster/protocol';
import { type Command, InvalidArgumentError } from 'commander';
import { EXIT_HELP } from './exit-code.ts';
import type { Host } from './host.ts';
import { jsonText } from './report-json.ts';
import { parseSecretKey, readPassword } from './secret-source.ts';

interface KeygenOptions {
  readonly seed: string;
  readonly passwordStdin?: true;
  readonly passwordCost: number;
  readonly out?: string;
  readonly showSecret?: true;
  readonly json?: true;
}

const HELP = `
Where the secret goes:
  --out FILE       into FILE, for you alone (mode 0600); a file that exists is never overwritten
  --show-secret    to standard output, and into no file unless --out names one
  neither          into ~/.config/mosaic/keys/, in a file named after the public key; a seed that
                   you gave yourself is not written anywhere
With --password-stdin the file holds mocryptsec0…, the key under that password, which is printed
too; the bare mosec0… is then printed only if --show-secret asks for it.

Examples:
  mosaic keygen                                     a key in ~/.config/mosaic/keys/
  mosaic keygen --out alice.key                     a key in alice.key
  mosaic keygen --show-secret --json | jq -r .secretKey
  printf %s "$PASSWORD" | mosaic keygen --password-stdin --out alice.key
  mosaic keygen --seed @alice.key                   the public key of a key you have
${EXIT_HELP}`;

/** Adds `keygen` to the command. */
export function registerKeygen(program: Command, host: Host): void {
  program
    .command('keygen')
    .summary('make a key pair')
    .description('Makes a key pair and prints its public half: as a user, as a server, as hex.')
    .option('--seed <seed>', 'the secret key: random, or 64 hex digits, mosec0…, @FILE', 'random')
    .option('--password-stdin', 'put the key under the password on standard input (mocryptsec0…)')
    .option('--password-cost <logN>', 'scrypt cost, memory is 2^logN KiB', parseCost, LOG_N_DEFAULT)
    .option('--out <file>', 'where the secret goes')
    .option('--show-secret', 'print the secret')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (options: KeygenOptions) => {
      await keygen(host, options);
    });
}

function parseCost(text: string): number {
  const cost = Number(text);
  if (/^\d+$/.test(text) && cost >= 1 && cost <= LOG_N_MAX) return cost;
  throw new InvalidArgumentError(`Give a whole number from 1 to ${LOG_N_MAX}.`);
}

async function keygen(host: Host, options: KeygenOptions): Promise<void> {
  const isRandom = options.seed === 'random';
  const password = options.passwordStdin === true ? await readPassword(host) : undefined;
  const secret = isRandom
    ? generateSecretKey()
    : parseSecretKey(host, '--seed', options.seed, password);
  const encrypted =
    password === undefined
      ? undefined
      : encryptSecretKey(secret, password, { logN: options.passwordCost });
  const publicKey = publicKeyOf(secret);
  const userKey = encodeUserKey(publicKey);
  const kept = `${encrypted ?? encodeSecretKey(secret)}\n`;
  let secretFile: string | undefined;
  if (options.out !== undefined) {
    host.createFile('--out', options.out, kept);
    secretFile = options.out;
  } else if (isRandom && options.showSecret !== true) {
    secretFile = host.createKeyFile(`${userKey}.key`, kept);
  }
  const result = {
    userKey,
    serverKey: encodeServerKey(publicKey),
    publicKey: hexEncode(publicKey),
    ...(secretFile === undefined ? {} : { secretFile }),
    ...(encrypted === undefined ? {} : { encryptedSecretKey: encrypted }),
    ...shownSecret(options, secret),
  };
  host.write(options.json === true ? jsonText(result) : text(host, result));
}

function shownSecret(options: KeygenOptions, secret: SecretKey): { secretKey?: string } {
  return options.showSecret === true ? { secretKey: encodeSecretKey(secret) } : {};
}

const LABELS: Readonly<Record<string, string>> = {
  userKey: 'user key',
  serverKey: 'server key',
  publicKey: 'public key',
  secretFile: 'secret kept in',
  encryptedSecretKey: 'encrypted key',
  secretKey: 'secret key',
};

function text(host: Host, result: Readonly<Record<string, string>>): string {
  return Object.entries(result)
    .map(([name, value]) => `${host.paint.dim((LABELS[name] ?? name).padEnd(15))} ${value}\n`)
    .join('');
}
