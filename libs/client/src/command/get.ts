/**
 * `mosaic get`: records by their IDs or addresses.
 */
import {
  encodeReference,
  hexEncode,
  type RecordView,
  type Reference,
} from '@mosaic-cluster/protocol';
import type { Command } from 'commander';
import {
  addConnectionOptions,
  CONNECTION_HELP,
  type ConnectionOptions,
} from './connection-options.ts';
import { EXIT, interruptedError, NETWORK_EXIT_HELP, usageError } from './exit-code.ts';
import type { Host } from './host.ts';
import { parseReference } from './parse-key.ts';
import { readAsker } from './query-options.ts';
import {
  addRecordOutputOptions,
  RECORD_OUTPUT_HELP,
  RecordOutput,
  type RecordOutputOptions,
} from './record-output.ts';
import { StatusLine } from './status-line.ts';
import { withClient } from './with-client.ts';

type GetOptions = ConnectionOptions & RecordOutputOptions;

const HELP = `
REF is a record's ID or address: moref0… or 96 hex digits; @FILE or - (standard input) hold any
number of them, separated by white space. An address stands for every record that has it. What is
not there is named on standard error (--json: {"type":"missing"}), and the exit code is 1. A
private record of somebody else is not there either.
${RECORD_OUTPUT_HELP}
${CONNECTION_HELP}

Examples:
  mosaic get --server wss://127.0.0.1:8443/ moref0…
  mosaic get moref0… --json | jq .fields.kind
  mosaic get @ids.txt --out records.bin
${NETWORK_EXIT_HELP}`;

/** Adds `get` to the command. */
export function registerGet(program: Command, host: Host): void {
  const command = program
    .command('get')
    .summary('get records by ID or address')
    .description('Gets records by their IDs or addresses.')
    .argument('<ref...>', 'moref0… or hex, @FILE, or - for standard input');
  addRecordOutputOptions(command);
  addConnectionOptions(command, 'who asks')
    .addHelpText('after', HELP)
    .action(async (references: readonly string[], options: GetOptions) => {
      await get(host, references, options);
    });
}

async function get(host: Host, texts: readonly string[], options: GetOptions): Promise<void> {
  const secretKey = await readAsker(host, options);
  const wanted = new Map<string, Reference>();
  for (const text of texts) {
    for (const reference of await readReferences(host, text)) {
      wanted.set(hexEncode(reference), reference);
    }
  }
  if (wanted.size === 0) throw usageError('REF', 'there are no references', 'Name at least one.');
  const status = new StatusLine(host, options.quiet === true);
  const output = new RecordOutput(host, options);
  try {
    const { verify = true } = options;
    await withClient(
      { host, options, status, secretKey, verify },
      async ({ client, onInterrupt }) => {
        const records = client.get(wanted.values());
        let isInterrupted = false;
        onInterrupt(() => {
          isInterrupted = true;
          records.close();
        });
        const missing = new Map(wanted);
        for await (const record of records) {
          forget(missing, record);
          await output.record(record);
        }
        await output.end();
        if (isInterrupted) throw interruptedError();
        await tellMissing(host, missing, output, status);
      },
    );
  } finally {
    output.close();
  }
}

async function readReferences(host: Host, text: string): Promise<Reference[]> {
  if (text !== '-' && !text.startsWith('@')) return [parseReference('REF', text)];
  const content = text === '-' ? await host.readInput('REF') : host.readFile('REF', text.slice(1));
  const words = Buffer.from(content).toString('latin1').split(/\s+/).filter(Boolean);
  const name = text === '-' ? 'standard input' : text.slice(1);
  return words.map((word, at) => parseReference(`REF ${at + 1} of ${name}`, word));
}

function forget(missing: Map<string, Reference>, record: RecordView): void {
  missing.delete(hexEncode(record.id));
  missing.delete(hexEncode(record.address));
}

async function tellMissing(
  host: Host,
  missing: ReadonlyMap<string, Reference>,
  output: RecordOutput,
  status: StatusLine,
): Promise<void> {
  if (missing.size > 0) host.exitCode = EXIT.invalid;
  for (const [hex, reference] of missing) {
    const human = encodeReference(reference);
    status.warn(`not found: ${human}`);
    await output.remark(undefined, { type: 'missing', hex, reference: human });
  }
}
