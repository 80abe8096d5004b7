/** The command line of `npm run abuse`. */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { ListenerName } from '../server/embedded-server.ts';
import { UsageError } from '../load-error.ts';
import type { Attack } from './attack.ts';
import { ATTACKS } from './attacks/index.ts';

/** What the command line asks for. */
export interface AbuseOptions {
  readonly attacks: readonly Attack[];
  readonly isCluster: boolean;
  /** Which listener is attacked. */
  readonly listener: ListenerName;
  readonly seconds: number;
  readonly isJson: boolean;
  readonly dataFolder: string;
}

const SECONDS = 8;
const SECONDS_MAX = 300;
const DATA_FOLDER = fileURLToPath(new URL('../../../.cache/loadtest', import.meta.url));

/** The text of --help. */
export const HELP: string = `Attacks a server that it starts, with honest clients beside the attacker, and says what they notice.

  npm run abuse                        every attack on the embedded server
  npm run abuse -- --cluster           on a cluster with two gateways, those of a cluster alone as well
  npm run abuse -- --listener uws      the listener of uWebSockets.js, where nobody proves a key
  npm run abuse -- --attack NAME       one attack; repeatable

  --seconds N      how long each attack goes on, and how long it is quiet before (default ${SECONDS})
  --json           a line of JSON for each attack, instead of the report
  --data-dir DIR   where servers get their data folders (default: .cache/loadtest)

The exit code is 1 where honest clients, memory or budgets did not hold. Attackers share the processors
with the server here; they run at low priority and a bounded rate, and their share is in the report.

Attacks:
${ATTACKS.map(({ name, title }) => `  ${name.padEnd(20)} ${title}`).join('\n')}
`;

const GRAMMAR = {
  attack: { type: 'string', multiple: true },
  cluster: { type: 'boolean', default: false },
  listener: { type: 'string', default: 'mtls' },
  seconds: { type: 'string' },
  json: { type: 'boolean', default: false },
  'data-dir': { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** Reads the command line; undefined: it asks for help. @throws UsageError */
export function parseAbuseOptions(args: readonly string[]): AbuseOptions | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const { cluster: isCluster, listener, seconds = `${SECONDS}` } = values;
  if (listener !== 'mtls' && listener !== 'uws') {
    throw new UsageError(`--listener ${listener}: write mtls or uws`);
  }
  if (isCluster && listener === 'uws') {
    throw new UsageError('--listener uws is for the embedded server: leave --cluster out');
  }
  const count = Number(seconds);
  if (!/^\d+$/.test(seconds) || count < 1 || count > SECONDS_MAX) {
    throw new UsageError(`--seconds ${seconds}: write a whole number from 1 to ${SECONDS_MAX}`);
  }
  return {
    attacks: attacksOf(values.attack, isCluster),
    isCluster,
    listener,
    seconds: count,
    isJson: values.json,
    dataFolder: values['data-dir'] === undefined ? DATA_FOLDER : resolve(values['data-dir']),
  };
}

function parse(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof GRAMMAR }>>['values'] {
  try {
    return parseArgs({ args: [...args], options: GRAMMAR }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function attacksOf(names: readonly string[] | undefined, isCluster: boolean): Attack[] {
  const other = isCluster ? 'embedded' : 'cluster';
  const possible = ATTACKS.filter(({ place }) => place !== other);
  if (names === undefined) return possible;
  return names.map((name) => {
    const attack = ATTACKS.find((each) => each.name === name);
    if (attack === undefined) {
      throw new UsageError(`there is no attack "${name}"; --help names them`);
    }
    if (attack.place === other) {
      const remedy = isCluster ? 'leave --cluster out' : 'add --cluster';
      throw new UsageError(`${name} is not for this kind of server: ${remedy}`);
    }
    return attack;
  });
}
