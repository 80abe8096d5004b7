/**
 * `mosaic publish`: one record made on the spot, or any number of ready ones.
 */
import { isMosaicError, type MosaicError, type SecretKey } from '@mosaic-cluster/protocol';
import type { Command } from 'commander';
import { isResultError } from '../result-error.ts';
import {
  addConnectionOptions,
  CONNECTION_HELP,
  type ConnectionOptions,
  parseWhole,
  readIdentity,
} from './connection-options.ts';
import { interruptedError, NETWORK_EXIT_HELP, usageError } from './exit-code.ts';
import type { Host } from './host.ts';
import { KIND_HELP } from './parse-kind.ts';
import { TAG_HELP } from './parse-tag.ts';
import { PublishFeed, type PublishInput } from './publish-feed.ts';
import { publishInputs } from './publish-inputs.ts';
import { PublishTally } from './publish-tally.ts';
import { addRecordOptions, makeRecord, type RecordOptions } from './record-options.ts';
import { SECRET_HELP } from './secret-source.ts';
import { StatusLine } from './status-line.ts';
import { type Work, withClient } from './with-client.ts';

interface PublishOptions extends ConnectionOptions, RecordOptions {
  readonly kind?: string;
  readonly inFlight?: number;
  readonly keepGoing?: true;
}

/** Records under way at a time unless the user says otherwise. */
const IN_FLIGHT_DEFAULT = 256;
const IN_FLIGHT: (text: string) => number = parseWhole(1, 10_000);
/** How long Ctrl-C waits for what is under way. */
const GRACE_MS = 3_000;
/** How often a terminal, and a log, hear how far it is. */
const PROGRESS_TERMINAL_MS = 1_000;
const PROGRESS_LOG_MS = 5_000;

const HELP = `
With --text or --payload a record is made, signed with the secret key, and published; its ID is
printed. Otherwise ready records are published: RECORD is morecord0…, hex, base64, @FILE, or - for
standard input, which is read where nothing is named. Files and standard input hold records as
bytes, one after the other, or as text, one a line; of any length. Without --keep-going the first
record that is refused or unreadable ends it; what is under way then is waited for.

A lost connection is replaced and what was under way is sent again: servers recognise it by its ID
(DUPLICATE counts as published). Ctrl-C stops reading and waits for what is under way; what has no
answer then may be published or not, and can be published again without harm.

--json prints {"type":"result"} for each record, and at last {"type":"summary"}.
${CONNECTION_HELP}
${KIND_HELP}
${TAG_HELP}
${SECRET_HELP}

Examples:
  mosaic publish --server wss://127.0.0.1:8443/ --secret @me.key --text 'Hello, Mosaic'
  mosaic publish --secret @me.key --kind blog-post --payload @post.md --nonce name:first-post
  mosaic publish @post.record @keys.record
  mosaic query --server wss://old.example/ --author mopub0… --raw | mosaic publish --keep-going
${NETWORK_EXIT_HELP}`;

/** Adds `publish` to the command. */
export function registerPublish(program: Command, host: Host): void {
  const command = program
    .command('publish')
    .summary('publish a new record, or any number of ready ones')
    .description('Publishes a record made on the spot, or ready records from files or a pipe.')
    .argument('[record...]', 'ready records: morecord0…, hex, base64, @FILE, or -')
    .option('--text <text>', 'make a record with TEXT; a microblog-root unless --kind says else')
    .option('--kind <kind>', 'what the record is; see below');
  addRecordOptions(command)
    .option('--in-flight <n>', 'records under way at a time', IN_FLIGHT, IN_FLIGHT_DEFAULT)
    .option('--keep-going', 'go on after records that are refused or unreadable');
  addConnectionOptions(command, 'who signs and who you are')
    .addHelpText('after', HELP)
    .action(async (records: readonly string[], options: PublishOptions) => {
      await publish(host, records, options);
    });
}

async function publish(
  host: Host,
  records: readonly string[],
  options: PublishOptions,
): Promise<void> {
  const isMade = options.text !== undefined || options.payload !== undefined;
  rejectMixture(isMade, records, options);
  const identity =
    isMade || options.anonymous !== true ? await readIdentity(host, options) : undefined;
  const inputs = isMade
    ? [await madeRecord(host, options, identity)]
    : publishInputs(host, records);
  const status = new StatusLine(host, options.quiet === true);
  const tally = new PublishTally(host, status, {
    json: options.json === true,
    isSingle: isMade,
  });
  const inFlightMax = options.inFlight ?? IN_FLIGHT_DEFAULT;
  const secretKey = options.anonymous === true ? undefined : identity;
  const connection = { host, options, status, secretKey, publish: { inFlightMax } };
  await withClient(connection, async (work) => {
    await publishAll({ host, options, status, tally, inputs, inFlightMax }, work);
  });
}

function rejectMixture(isMade: boolean, records: readonly string[], options: PublishOptions): void {
  if (options.text !== undefined && options.payload !== undefined) {
    throw usageError('--text', 'excludes --payload', 'Give one of the two.');
  }
  if (isMade && records.length > 0) {
    throw usageError(
      'RECORD',
      'there are ready records, and one is to be made',
      'Publish them one after the other.',
    );
  }
  if (isMade) return;
  const { kind, tag, author, timestamp, nonce, zstd, fromAuthor } = options;
  const given = { kind, tag, author, timestamp, nonce, zstd, 'from-author': fromAuthor };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const remedy = "To make a record add --text or --payload ('' for none).";
    throw usageError(`--${name}`, 'ready records are published as they are', remedy);
  }
}

async function madeRecord(
  host: Host,
  options: PublishOptions,
  identity: SecretKey | undefined,
): Promise<PublishInput> {
  const { text, kind } = options;
  if (text === undefined && kind === undefined) {
    throw usageError('--kind', 'it is missing', 'Say what the record is: --kind microblog-root.');
  }
  if (identity === undefined) {
    throw usageError(
      '--secret',
      'there is no key to sign with',
      'Make one with "mosaic keygen --out me.key", and give it as --secret @me.key.',
    );
  }
  const record = await makeRecord(host, kind ?? 'microblog-root', options, () => identity);
  return { bytes: record.bytes, where: 'the record' };
}

interface Run {
  readonly host: Host;
  readonly options: PublishOptions;
  readonly status: StatusLine;
  readonly tally: PublishTally;
  readonly inputs: readonly PublishInput[];
  readonly inFlightMax: number;
}

async function publishAll(run: Run, { client, onInterrupt }: Work): Promise<void> {
  const { host, options, status, tally, inputs, inFlightMax } = run;
  const keepsGoing = options.keepGoing === true;
  const ended = new AbortController();
  let stopGrace = (): void => {};
  let isInterrupted = false;
  const feed = new PublishFeed(inputs, async (error) => {
    if (!keepsGoing) throw error;
    await tally.unreadable(error);
  });
  onInterrupt(() => {
    isInterrupted = true;
    feed.stop();
    stopGrace = host.every(GRACE_MS, () => ended.abort(interruptedError()));
  });
  const isBulk = inputs.length > 1 || inputs.some((input) => !('where' in input));
  const pace = host.isErrorTerminal ? PROGRESS_TERMINAL_MS : PROGRESS_LOG_MS;
  const stopProgress = isBulk ? host.every(pace, () => status.show(tally.progress)) : undefined;
  try {
    const outcomes = client.publishMany(feed, { inFlightMax, signal: ended.signal });
    for await (const outcome of outcomes) {
      const pending = feed.settle(outcome.index);
      if (pending !== undefined) await tally.outcome(outcome, pending);
      if (outcome.error !== undefined && !(keepsGoing && isAboutRecord(outcome.error))) feed.stop();
    }
  } catch (error) {
    if (!isMosaicError(error)) throw error;
    if (!ended.signal.aborted) await tally.unreadable(error);
  } finally {
    stopGrace();
    stopProgress?.();
    status.clear();
  }
  await tally.summary(feed.pendingCount, isInterrupted);
  host.exitCode = tally.exitCode;
}

/** Whether the next record may fare better. */
function isAboutRecord(error: MosaicError): boolean {
  return isResultError(error) || error.code === 'record';
}
