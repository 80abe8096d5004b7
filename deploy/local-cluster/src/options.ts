/** The command line of `npm run cluster`. */
import { parseArgs } from 'node:util';

/** What the command line asks for. */
export interface Options {
  readonly dataDir: string;
  readonly gateways: number;
  readonly workers: number;
  readonly isJson: boolean;
  /** Whether gateways take the usual ports where they are free. */
  readonly usualPorts: boolean;
  readonly gatewaySettings: Readonly<Record<string, string>>;
  readonly workerSettings: Readonly<Record<string, string>>;
  readonly nodeOptions: readonly string[];
}

/** Text for `--help`. */
export const HELP = `Starts a whole Mosaic cluster on this machine, on loopback: two NATS servers, a Redis Cluster, an
S3 server, gateways, and workers of each role. Ctrl-C stops all of it.

Usage: npm run cluster -- [options]

  --data DIR                 where everything is kept (default: ./data/cluster)
  --gateways N               gateways (default: 2)
  --workers N                workers of each role (default: 2)
  --gateway-setting NAME=V   a setting of the gateways, such as MOSAIC_LOG_LEVEL=debug; repeatable
  --worker-setting NAME=V    a setting of the workers; repeatable
  --node-option OPTION       an option of the services' Node, such as --inspect=0; repeatable
  --any-ports                any free ports, not 8443 and its like: for several clusters at a time
  --json                     report in lines of JSON; one with "event":"ready" says where it serves
  --help                     this text

Servers that are not on PATH are installed first, as for the tests: NATS and versitygw by
\`go install\` (Go 1.26 or newer), Redis by apt-get. A process that dies is started again.
`;

const COUNT_MAX = 16;

/** A command line that cannot be followed; the message names what is wrong. */
export class UsageError extends Error {}

/** Reads the command line; undefined: it asks for help. @throws UsageError */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parse(args);
  if (values.help === true) return undefined;
  return {
    dataDir: values.data ?? './data/cluster',
    gateways: count('--gateways', values.gateways),
    workers: count('--workers', values.workers),
    isJson: values.json === true,
    usualPorts: values['any-ports'] !== true,
    gatewaySettings: settings('--gateway-setting', values['gateway-setting']),
    workerSettings: settings('--worker-setting', values['worker-setting']),
    nodeOptions: values['node-option'] ?? [],
  };
}

interface Values {
  readonly help?: boolean;
  readonly json?: boolean;
  readonly 'any-ports'?: boolean;
  readonly data?: string;
  readonly gateways?: string;
  readonly workers?: string;
  readonly 'gateway-setting'?: string[];
  readonly 'worker-setting'?: string[];
  readonly 'node-option'?: string[];
}

function parse(args: readonly string[]): { values: Values } {
  try {
    return parseArgs({
      args: [...args],
      options: {
        help: { type: 'boolean', short: 'h' },
        json: { type: 'boolean' },
        'any-ports': { type: 'boolean' },
        data: { type: 'string' },
        gateways: { type: 'string' },
        workers: { type: 'string' },
        'gateway-setting': { type: 'string', multiple: true },
        'worker-setting': { type: 'string', multiple: true },
        'node-option': { type: 'string', multiple: true },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function count(option: string, text = '2'): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= COUNT_MAX) return value;
  throw new UsageError(`${option}: write a whole number from 1 to ${COUNT_MAX}, not "${text}"`);
}

function settings(option: string, texts: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const at = text.indexOf('=');
      if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
      throw new UsageError(`${option}: write NAME=VALUE, not "${text}"`);
    }),
  );
}
