/**
 * `mosaic query`: the stored records that match a filter.
 */
import type { Command } from 'commander';
import { CONNECTION_HELP } from './connection-options.ts';
import { count } from './display-text.ts';
import { interruptedError, NETWORK_EXIT_HELP } from './exit-code.ts';
import { FILTER_HELP } from './filter-options.ts';
import type { Host } from './host.ts';
import { addQueryOptions, type QueryOptions, readAsker, readFilter } from './query-options.ts';
import { RECORD_OUTPUT_HELP, RecordOutput } from './record-output.ts';
import { StatusLine } from './status-line.ts';
import { withClient } from './with-client.ts';

const HELP = `${FILTER_HELP}
${RECORD_OUTPUT_HELP}
${CONNECTION_HELP}

Examples:
  mosaic query --server wss://127.0.0.1:8443/ --kind microblog-root --limit 20
  mosaic query --author mopub0… --since 2026-11-01 --json | jq -r .fields.payload.text
  mosaic query --author mopub0… --raw | mosaic publish --server mosaicwss://other.example/
  mosaic query --kind 99:1:unique,author-only --author mopub0… --secret @me.key
${NETWORK_EXIT_HELP}`;

/** Adds `query` to the command. */
export function registerQuery(program: Command, host: Host): void {
  const command = program
    .command('query')
    .summary('get the records that match a filter')
    .description('Gets the stored records that match a filter, newest first.');
  addQueryOptions(command)
    .addHelpText('after', HELP)
    .action(async (options: QueryOptions) => {
      await query(host, options);
    });
}

async function query(host: Host, options: QueryOptions): Promise<void> {
  const filter = readFilter(host, options, 'query');
  const secretKey = await readAsker(host, options);
  const status = new StatusLine(host, options.quiet === true);
  const output = new RecordOutput(host, options);
  try {
    const { verify = true } = options;
    await withClient(
      { host, options, status, secretKey, verify },
      async ({ client, onInterrupt }) => {
        const records = client.query(filter, { limit: options.limit ?? 0 });
        let isInterrupted = false;
        onInterrupt(() => {
          isInterrupted = true;
          records.close();
        });
        for await (const record of records) await output.record(record);
        await output.end();
        status.note(count(output.count, 'record'));
        if (isInterrupted) throw interruptedError();
      },
    );
  } finally {
    output.close();
  }
}
