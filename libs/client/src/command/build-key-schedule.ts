/**
 * `mosaic build key-schedule`: the record in which a master key lists, retires and revokes its
 * subkeys.
 */
import {
  ATTESTATION_BYTES,
  attestSubkey,
  buildKeySchedule,
  equalBytes,
  hexDecode,
  hexEncode,
  humanKind,
  type KeyMarkerName,
  type KeyScheduleEntry,
  type KeyScheduleEntryInput,
  parseKeySchedule,
  publicKeyOf,
  type PublicKey,
  validateRecord,
} from '@mosaic-cluster/protocol';
import type { Command } from 'commander';
import { decodeContent, decodeText } from './encoding.ts';
import { blaming, EXIT_HELP, usageError } from './exit-code.ts';
import type { Host } from './host.ts';
import { parseMoment } from './moment.ts';
import { addOutputOptions, OUTPUT_HELP, type OutputOptions, writeBuilt } from './output.ts';
import { parsePublicKey } from './parse-key.ts';
import { collect } from './repeatable.ts';
import { parseSecretKey, readPassword, readSecretKey, SECRET_HELP } from './secret-source.ts';

interface KeyScheduleOptions extends OutputOptions {
  readonly secret?: string;
  readonly passwordStdin?: true;
  readonly from?: string;
  readonly subkey?: readonly string[];
  readonly encryptionKey?: readonly string[];
  readonly timestamp: string;
}

const HELP = `
Entries are written as MARKER=KEY or MARKER@TIME=KEY:
  active=KEY             it signs for the master key from now on
  active-encryption=KEY  it encrypts          active-nostr=KEY   it is used on Nostr
  out-of-use=KEY         used no more, nothing is revoked
  revoked-past@TIME=KEY  what it signed or what arrived after TIME does not count
  revoked-all@TIME=KEY   nothing that it ever signed counts
A subkey's KEY is its secret key (@FILE or mosec0…), with which it attests that it belongs to the
master; or mopub0…, where --from holds its attestation already. That is how a lost key is revoked.
An encryption key is 64 hex digits (X25519).
${SECRET_HELP}

Servers go by the newest schedule alone: --from OLD carries its entries over, and entries given
here replace those of the same key.
${OUTPUT_HELP}

Examples:
  mosaic build key-schedule --secret @master.key --subkey active=@phone.key --out keys.record
  mosaic build key-schedule --secret @master.key --from @keys.record --subkey active=@laptop.key
  mosaic build key-schedule --secret @master.key --from @keys.record \\
    --subkey revoked-past@2026-11-20T08:00:00Z=mopub0…
${EXIT_HELP}`;

const MARKERS: Readonly<Record<string, KeyMarkerName>> = {
  active: 'activeSigning',
  'active-encryption': 'activeEncryption',
  'active-nostr': 'activeNostr',
  'out-of-use': 'outOfUse',
  'revoked-past': 'revokedPast',
  'revoked-all': 'revokedAll',
};

/** Adds `key-schedule` to `build`. */
export function registerBuildKeySchedule(build: Command, host: Host): void {
  const command = build
    .command('key-schedule')
    .summary("make the record of a master key's subkeys")
    .description("Makes and signs a key schedule: a master key's list of its subkeys.")
    .option('--secret <key>', 'the master key; default: MOSAIC_SECRET_KEY')
    .option('--password-stdin', 'take the password of an encrypted key from standard input')
    .option('--from <record>', 'the schedule before: @FILE or text; its entries are kept')
    .option('--subkey <entry>', 'a subkey; repeatable; see below', collect)
    .option('--encryption-key <entry>', 'an encryption key; repeatable', collect)
    .option('--timestamp <time>', 'now, nanoseconds, a date, or a time with zone', 'now');
  addOutputOptions(command, 'human')
    .addHelpText('after', HELP)
    .action(async (options: KeyScheduleOptions) => {
      await buildOne(host, options);
    });
}

/** An entry, and the key that it is about in hex. */
interface Entry {
  readonly key: string;
  readonly input: KeyScheduleEntryInput;
}

async function buildOne(host: Host, options: KeyScheduleOptions): Promise<void> {
  const password = options.passwordStdin === true ? await readPassword(host) : undefined;
  const masterSecretKey = readSecretKey(host, options.secret, password);
  const master = publicKeyOf(masterSecretKey);
  const timestamp = parseMoment('--timestamp', options.timestamp, host.now());
  const old = options.from === undefined ? [] : readOld(host, options.from, master);
  const context = { host, password, master, old };
  const given = [
    ...(options.subkey ?? []).map((text) => subkeyEntry(text, context)),
    ...(options.encryptionKey ?? []).map((text) => encryptionEntry(text, host)),
  ];
  const replaced = new Set(given.map(({ key }) => key));
  if (replaced.size < given.length) {
    throw usageError('--subkey', 'a key is listed twice', 'Give one entry for each key.');
  }
  const entries = [...old.filter(({ key }) => !replaced.has(key)), ...given];
  const record = blaming('build key-schedule', 'Check the entries.', () => {
    const built = buildKeySchedule({
      masterSecretKey,
      timestamp,
      entries: entries.map(({ input }) => input),
    });
    parseKeySchedule(built);
    return built;
  });
  writeBuilt(host, record.bytes, options, true);
}

interface Marked {
  readonly marker: KeyMarkerName;
  readonly revokedAt?: bigint;
  readonly key: string;
}

function parseMarked(option: string, text: string, host: Host): Marked {
  const match = /^([a-z-]+)(?:@([^=]+))?=(.+)$/.exec(text);
  const marker = MARKERS[match?.[1] ?? ''];
  const words = Object.keys(MARKERS).join(', ');
  if (match === null || marker === undefined) {
    throw usageError(
      option,
      'an entry is MARKER=KEY or MARKER@TIME=KEY',
      `MARKER is one of ${words}.`,
    );
  }
  const [, word = '', time, key = ''] = match;
  const needsTime = marker === 'revokedAll' || marker === 'revokedPast';
  if (needsTime && time === undefined) {
    throw usageError(
      option,
      `${word} needs a time`,
      `Write ${word}@TIME=KEY, such as ${word}@now=…`,
    );
  }
  if (time === undefined) return { marker, key };
  if (!needsTime) {
    throw usageError(option, `${word} has no time`, `Write ${word}=KEY.`);
  }
  return { marker, key, revokedAt: parseMoment(option, time, host.now()) };
}

interface Context {
  readonly host: Host;
  readonly password: string | undefined;
  readonly master: PublicKey;
  readonly old: readonly Entry[];
}

function subkeyEntry(text: string, context: Context): Entry {
  const option = '--subkey';
  const { key, ...marked } = parseMarked(option, text, context.host);
  const isPublic = humanKind(key) === 'userKey' || humanKind(key) === 'serverKey';
  const attestation = isPublic
    ? attestationOf(parsePublicKey(option, key), context.old)
    : key.length === 2 * ATTESTATION_BYTES
      ? blaming(option, 'Give an attestation as hex.', () => hexDecode(key))
      : attestSubkey(parseSecretKey(context.host, option, key, context.password), context.master);
  const input = { ...marked, attestation };
  return { key: hexEncode(attestation.subarray(8, 40)), input };
}

function attestationOf(key: PublicKey, old: readonly Entry[]): Uint8Array {
  const held = old.find((entry) => entry.key === hexEncode(key))?.input;
  if (held !== undefined && 'attestation' in held) return held.attestation;
  throw usageError(
    '--subkey',
    'there is no attestation of that public key',
    'Give its secret key instead, or name a schedule that lists it with --from.',
  );
}

function encryptionEntry(text: string, host: Host): Entry {
  const option = '--encryption-key';
  const { key, ...marked } = parseMarked(option, text, host);
  const bytes = blaming(option, 'Give an X25519 public key as 64 hex digits.', () =>
    hexDecode(key),
  );
  if (bytes.length !== 32) {
    throw usageError(
      option,
      `an encryption key has 32 bytes, not ${bytes.length}`,
      'Give an X25519 public key as 64 hex digits.',
    );
  }
  return { key: hexEncode(bytes), input: { ...marked, encryptionKey: bytes } };
}

function readOld(host: Host, text: string, master: PublicKey): Entry[] {
  const option = '--from';
  const remedy = "Give the master key's last key schedule, as @FILE or text.";
  const decoded = text.startsWith('@')
    ? decodeContent(host.readFile(option, text.slice(1)))
    : decodeText(text);
  if ('message' in decoded) throw usageError(option, decoded.message, remedy);
  return blaming(option, remedy, () => {
    const record = validateRecord(decoded.bytes);
    const schedule = parseKeySchedule(record);
    if (!equalBytes(schedule.master, master)) {
      throw usageError(option, 'that schedule belongs to another master key', remedy);
    }
    return schedule.entries.map((entry) => ({
      key: hexEncode(entry.key),
      input: carriedOver(entry, record.bytes),
    }));
  });
}

function carriedOver(entry: KeyScheduleEntry, record: Uint8Array): KeyScheduleEntryInput {
  const { marker, revokedAt, key } = entry;
  const common = { marker, revokedAt };
  if (entry.kind === 'subkey') {
    const start = key.byteOffset - record.byteOffset - 8;
    return { ...common, attestation: record.slice(start, start + ATTESTATION_BYTES) };
  }
  if (entry.algorithm === 'curve25519') return { ...common, encryptionKey: key };
  throw usageError(
    '--from',
    'it lists a secp256k1 encryption key, which this command cannot write',
    'Make the schedule without --from.',
  );
}
