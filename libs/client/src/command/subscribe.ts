/**
 * `mosaic subscribe`: the stored records that match a filter, and every new one from then on.
 */
import type { Command } from 'commander';
import type { SubscriptionEvent } from '../subscription-script.ts';
import { CONNECTION_HELP, parseWhole } from './connection-options.ts';
import { NETWORK_EXIT_HELP } from './exit-code.ts';
import { FILTER_HELP } from './filter-options.ts';
import type { Host } from './host.ts';
import { addQueryOptions, type QueryOptions, readAsker, readFilter } from './query-options.ts';
import { RECORD_OUTPUT_HELP, RecordOutput } from './record-output.ts';
import { StatusLine } from './status-line.ts';
import { withClient } from './with-client.ts';

interface SubscribeOptions extends QueryOptions {
  readonly count?: number;
  readonly untilComplete?: true;
}

const HELP = `${FILTER_HELP}
${RECORD_OUTPUT_HELP}
Between the stored records and the new ones stands a line (--json: {"type":"live"}).

A lost connection is replaced for as long as it takes; what the server received in the meantime is
made up for, each record comes once. (--json: {"type":"interrupted"}, later {"type":"resumed"}.)
Ctrl-C ends it, and is no error.
${CONNECTION_HELP}

Examples:
  mosaic subscribe --server wss://127.0.0.1:8443/ --kind microblog-root
  mosaic subscribe --tag notify=mopub0… --secret @me.key --limit 10
  mosaic subscribe --author mopub0… --json | while read -r line; do …; done
  mosaic subscribe --kind chat-message --limit 1 --count 2      the newest one, and the next
${NETWORK_EXIT_HELP}`;

/** Adds `subscribe` to the command. */
export function registerSubscribe(program: Command, host: Host): void {
  const command = program
    .command('subscribe')
    .summary('follow the records that match a filter')
    .description('Gets the stored records that match a filter, and new ones as they arrive.')
    .option('--count <n>', 'end after N records', parseWhole(1, Number.MAX_SAFE_INTEGER))
    .option('--until-complete', 'end when everything stored has come');
  addQueryOptions(command)
    .addHelpText('after', HELP)
    .action(async (options: SubscribeOptions) => {
      await subscribe(host, options);
    });
}

async function subscribe(host: Host, options: SubscribeOptions): Promise<void> {
  const filter = readFilter(host, options, 'subscribe');
  const secretKey = await readAsker(host, options);
  const status = new StatusLine(host, options.quiet === true);
  const output = new RecordOutput(host, options);
  try {
    const { verify = true } = options;
    await withClient(
      { host, options, status, secretKey, verify },
      async ({ client, onInterrupt }) => {
        const events = client.subscribe(filter, { limit: options.limit ?? 0 });
        onInterrupt(() => events.close());
        for await (const event of events) {
          await tell(event, output, status);
          if (event.name === 'locallyComplete' && options.untilComplete === true) return;
          if (output.count === options.count) return;
        }
      },
    );
  } finally {
    output.close();
  }
}

async function tell(
  event: SubscriptionEvent,
  output: RecordOutput,
  status: StatusLine,
): Promise<void> {
  switch (event.name) {
    case 'record':
      await output.record(event.record);
      return;
    case 'locallyComplete':
      await output.remark('— live from here —', { type: 'live' });
      return;
    case 'interrupted':
      await output.remark(undefined, { type: 'interrupted' });
      return;
    case 'resumed':
      status.note('resumed: what was received in the meantime has come');
      if (event.isOverlapSeen === false) {
        status.note("records may be missing: this machine's clock and the server's differ");
      }
      await output.remark(undefined, {
        type: 'resumed',
        isOverlapSeen: event.isOverlapSeen ?? null,
      });
  }
}
