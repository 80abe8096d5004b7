/**
 * `mosaic build record`: one signed record.
 */
import {
  buildRecord,
  hexDecode,
  nonceFrom,
  nonceFromTimestamp,
  parseKeySchedule,
  parseProfile,
  readU32,
  type RecordView,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import type { Command } from 'commander';
import { blaming, EXIT_HELP, usageError } from './exit-code.ts';
import type { Host } from './host.ts';
import { parseMoment } from './moment.ts';
import { addOutputOptions, OUTPUT_HELP, type OutputOptions, writeBuilt } from './output.ts';
import { parsePublicKey } from './parse-key.ts';
import { KIND_HELP, parseKind } from './parse-kind.ts';
import { parseTag, TAG_HELP } from './parse-tag.ts';
import { errorOf } from './record-checks.ts';
import { collect } from './repeatable.ts';
import { readPassword, readSecretKey, SECRET_HELP } from './secret-source.ts';

interface RecordOptions extends OutputOptions {
  readonly kind: string;
  readonly secret?: string;
  readonly author?: string;
  readonly payload?: string;
  readonly tag?: readonly string[];
  readonly timestamp: string;
  readonly nonce: string;
  readonly zstd?: true;
  readonly fromAuthor?: true;
  readonly passwordStdin?: true;
}

const HELP = `${KIND_HELP}
${TAG_HELP}
${SECRET_HELP}

--zstd only marks the payload: compress it before, for instance with the zstd command. Servers and
this command leave payloads as they are.
${OUTPUT_HELP}

Examples:
  export MOSAIC_SECRET_KEY=@alice.key
  mosaic build record --kind microblog-root --payload 'Hello, world'
  mosaic build record --kind reply-comment --payload @answer.txt --out answer.record \\
    --tag reply=microblog-root,moref0… --tag notify=mopub0…
  mosaic build record --kind blog-post --nonce name:my-first-post --payload - < post.md
  zstd -c photo.svg | mosaic build record --kind 99:7:unique,everybody --zstd --payload -
  mosaic build record --kind 99:1:0x04 --from-author --secret @phone.key --author mopub0…
${EXIT_HELP}`;

/** Adds `record` to `build`. */
export function registerBuildRecord(build: Command, host: Host): void {
  const command = build
    .command('record')
    .summary('make and sign a record')
    .description('Makes a record, signs it, and prints it.')
    .requiredOption('--kind <kind>', 'what the record is; see below')
    .option('--secret <key>', 'the key that signs; default: MOSAIC_SECRET_KEY')
    .option('--password-stdin', 'take the password of an encrypted key from standard input')
    .option('--author <key>', 'master key, where the signing key is a subkey; default: its own')
    .option('--payload <text>', 'a text, @FILE, or - for standard input; @@… for a text with @')
    .option('--tag <tag>', 'a tag; repeat for more; see below', collect)
    .option('--timestamp <time>', 'now, nanoseconds, a date, or a time with zone', 'now')
    .option('--nonce <nonce>', 'random, 16 hex digits, name:TEXT, or timestamp', 'random')
    .option('--zstd', 'mark the payload as Zstandard-compressed, which it must be already')
    .option('--from-author', 'let servers accept it only from its authenticated author');
  addOutputOptions(command, 'human')
    .addHelpText('after', HELP)
    .action(async (options: RecordOptions) => {
      await buildOne(host, options);
    });
}

async function buildOne(host: Host, options: RecordOptions): Promise<void> {
  const password = options.passwordStdin === true ? await readPassword(host) : undefined;
  const kind = parseKind('--kind', options.kind);
  const tags = (options.tag ?? []).map((tag) => parseTag('--tag', tag));
  const timestamp = parseMoment('--timestamp', options.timestamp, host.now());
  const nonce = parseNonce(options.nonce, timestamp);
  const secretKey = readSecretKey(host, options.secret, password);
  const payload = await readPayload(host, options);
  const author =
    options.author === undefined ? {} : { author: parsePublicKey('--author', options.author) };
  const record = blaming('build record', 'Shorten the payload or the tags.', () =>
    buildRecord({
      kind,
      timestamp,
      secretKey,
      tags,
      payload,
      zstd: options.zstd === true,
      fromAuthor: options.fromAuthor === true,
      ...author,
      ...(nonce === undefined ? {} : { nonce }),
    }),
  );
  warnOfMeaning(host, record);
  writeBuilt(host, record.bytes, options, true);
}

/** Profiles and key schedules have a second validation, which servers do and building does not. */
function warnOfMeaning(host: Host, record: RecordView): void {
  const error = errorOf(() => {
    if (record.isProfile) parseProfile(record);
    if (record.isKeySchedule) parseKeySchedule(record);
  });
  if (error === undefined) return;
  host.warn(`${host.errorPaint.yellow('note:')} servers refuse this record: ${error.message}\n`);
}

function parseNonce(text: string, timestamp: Timestamp): Uint8Array | undefined {
  if (text === 'random') return undefined;
  if (text === 'timestamp') return nonceFromTimestamp(timestamp);
  if (text.startsWith('name:')) return nonceFrom(new TextEncoder().encode(text.slice(5)));
  const remedy = 'Give random, 16 hex digits, name:TEXT, or timestamp.';
  if (!/^[0-9a-f]{16}$/i.test(text)) {
    throw usageError('--nonce', `"${text}" is no nonce that I can read`, remedy);
  }
  return hexDecode(text);
}

/** How a Zstandard frame starts (RFC 8878 §3.1.1), and a skippable one but for its last digit. */
const ZSTD_MAGIC = 0xfd2fb528;
const ZSTD_SKIPPABLE = 0x184d2a50;

async function readPayload(host: Host, options: RecordOptions): Promise<Uint8Array> {
  const payload = await payloadBytes(host, options.payload ?? '');
  if (options.zstd !== true) return payload;
  const magic = payload.length < 4 ? 0 : readU32(payload, 0);
  if (magic === ZSTD_MAGIC || (magic & ~0xf) >>> 0 === ZSTD_SKIPPABLE) return payload;
  throw usageError(
    '--zstd',
    'the payload is not Zstandard-compressed, and this command does not compress',
    'Compress it first: zstd -c FILE | mosaic build record --zstd --payload - …',
  );
}

async function payloadBytes(host: Host, text: string): Promise<Uint8Array> {
  if (text === '-') return host.readInput('--payload');
  if (text.startsWith('@@')) return new TextEncoder().encode(text.slice(1));
  if (text.startsWith('@')) return host.readFile('--payload', text.slice(1));
  return new TextEncoder().encode(text);
}
