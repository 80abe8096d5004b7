/**
 * The options that make and sign a record: `mosaic build record` prints it, `mosaic publish` sends
 * it.
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
  type SecretKey,
  type Timestamp,
} from '@mosaic-cluster/protocol';
import type { Command } from 'commander';
import { blaming, usageError } from './exit-code.ts';
import type { Host } from './host.ts';
import { parseMoment } from './moment.ts';
import { parsePublicKey } from './parse-key.ts';
import { parseKind } from './parse-kind.ts';
import { parseTag } from './parse-tag.ts';
import { errorOf } from './record-checks.ts';
import { collect } from './repeatable.ts';

/** The options that {@link addRecordOptions} adds. */
export interface RecordOptions {
  readonly author?: string;
  readonly payload?: string;
  /** A payload that is taken as it stands, whatever it starts with. */
  readonly text?: string;
  readonly tag?: readonly string[];
  readonly timestamp?: string;
  readonly nonce?: string;
  readonly zstd?: true;
  readonly fromAuthor?: true;
}

/** Adds the options for a record but for its kind and the key that signs it. */
export function addRecordOptions(command: Command): Command {
  return command
    .option('--author <key>', 'master key, where the signing key is a subkey; default: its own')
    .option('--payload <text>', 'a text, @FILE, or - for standard input; @@… for a text with @')
    .option('--tag <tag>', 'a tag; repeat for more; see below', collect)
    .option('--timestamp <time>', 'now (default), nanoseconds, a date, or a time with zone')
    .option('--nonce <nonce>', 'random (default), 16 hex digits, name:TEXT, or timestamp')
    .option('--zstd', 'mark the payload as Zstandard-compressed, which it must be already')
    .option('--from-author', 'let servers accept it only from its authenticated author');
}

/**
 * Makes the record; a note says so where servers will refuse what it means.
 *
 * @param kindText what `--kind` says
 * @throws MosaicError `invalid` with code `usage`, naming the option at fault
 */
export async function makeRecord(
  host: Host,
  kindText: string,
  options: RecordOptions,
  readKey: () => SecretKey,
): Promise<RecordView> {
  const kind = parseKind('--kind', kindText);
  const tags = (options.tag ?? []).map((tag) => parseTag('--tag', tag));
  const timestamp = parseMoment('--timestamp', options.timestamp ?? 'now', host.now());
  const nonce = parseNonce(options.nonce ?? 'random', timestamp);
  const secretKey = readKey();
  const payload = await readPayload(host, options);
  const author =
    options.author === undefined ? {} : { author: parsePublicKey('--author', options.author) };
  const record = blaming('the record', 'Shorten the payload or the tags.', () =>
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
  return record;
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
  const { text } = options;
  const payload =
    text === undefined
      ? await payloadBytes(host, options.payload ?? '')
      : new TextEncoder().encode(text);
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
