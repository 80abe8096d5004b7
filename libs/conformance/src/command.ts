/** The command `npm run conformance`: options, run, report, exit code. */
import { decodeSecretKey, hexDecode, isMosaicError } from '@mosaic-cluster/protocol';
import { Command, CommanderError } from 'commander';
import { allChecks } from './all-checks.ts';
import { type Check, CheckFailure } from './check.ts';
import { type Identity, identityOf } from './identity.ts';
import { citeRule, jsonReport, resultLine, totalsLine, totalsOf } from './report.ts';
import { runChecks } from './runner.ts';
import { findFacts, type ServerFacts } from './server-facts.ts';
import { parseTarget, type Target, UsageError } from './target.ts';
import { faults } from './wrong-server/faults.ts';
import { startWrongServer, type WrongServer } from './wrong-server/proxy.ts';

/** Exit codes. */
export const EXIT = {
  /** Nothing failed. */
  passed: 0,
  /** The server broke a rule. */
  failed: 1,
  /** Nothing was checked: the command line is wrong, or the server cannot be reached. */
  unusable: 2,
} as const;

/** Where the command writes. */
export interface Output {
  readonly write: (text: string) => void;
  readonly warn: (text: string) => void;
}

interface Options {
  readonly url?: string;
  readonly secondUrl?: string;
  readonly serverKey?: string;
  readonly insecurePlain: boolean;
  readonly only?: string;
  readonly specOnly: boolean;
  readonly break?: string;
  readonly list: boolean;
  readonly json: boolean;
  readonly registeredSecret: readonly string[];
  readonly extensions: string;
  readonly concurrency: string;
  readonly timeout: string;
}

const HELP = `
Examples:
  npm run conformance -- --url wss://127.0.0.1:8443/ --server-key mosrv0…
  npm run conformance -- --url wss://127.0.0.1:8443/ --server-key mosrv0… --only 'query/*'
  npm run conformance -- --list

Checks publish records of the example application 99 under keys made for the purpose; they need
neither an empty server nor a quiet one. Run them against a server whose limits allow a few
thousand requests a minute. What a server cannot show is skipped, with the reason.

Exit codes: 0 nothing failed, 1 the server broke a rule, 2 nothing could be checked.`;

const TIMEOUT_MS = '10000';
const CONCURRENCY = '8';

function grammar({ write, warn }: Output): Command {
  const collect = (value: string, before: readonly string[]): string[] => [...before, value];
  return new Command('conformance')
    .description('Checks over real sockets that a server follows the rules of Mosaic.')
    .option('--url <url>', 'the server, as wss://host:port/ or mosaicwss://host:port/')
    .option('--server-key <key>', 'its key, as mosrv0… or hex; absent: a CA certificate')
    .option('--second-url <url>', 'another way to the same server, another gateway for example')
    .option('--insecure-plain', 'allow ws://, without TLS', false)
    .option('--only <pattern>', 'only checks whose name contains this; * stands for anything')
    .option('--spec-only', 'only what the specification states, not our readings', false)
    .option('--break <rule>', 'put a proxy in front that breaks one rule, to see the checks bite')
    .option('--list', 'list the checks and stop', false)
    .option('--json', 'report as one JSON document', false)
    .option(
      '--registered-secret <key>',
      'mosec0… or hex of a user that a server with registration serves; repeatable',
      collect,
      [],
    )
    .option('--extensions <names>', 'extensions that the server supports, as "a;b"', '')
    .option('--concurrency <n>', 'checks at a time', CONCURRENCY)
    .option('--timeout <ms>', 'for each answer', TIMEOUT_MS)
    .allowExcessArguments(false)
    .addHelpText('after', HELP)
    .configureOutput({ writeOut: write, writeErr: warn })
    .exitOverride();
}

/**
 * Runs the command.
 *
 * @param args what follows the command's name
 * @returns the exit code
 */
export async function runCommand(args: readonly string[], output: Output): Promise<number> {
  try {
    const command = grammar(output).parse(args, { from: 'user' });
    return await run(command.opts<Options>(), output);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.passed : EXIT.unusable;
    if (!(error instanceof UsageError || error instanceof CheckFailure)) throw error;
    output.warn(`error: ${error.message}\n`);
    return EXIT.unusable;
  }
}

async function run(options: Options, { write }: Output): Promise<number> {
  const checks = chosenChecks(options);
  if (options.list) {
    for (const { name, title, rule } of checks) {
      write(`${name.padEnd(40)} ${title} [${citeRule(rule)}]\n`);
    }
    return EXIT.passed;
  }
  if (options.url === undefined) throw new UsageError('--url is missing: say which server');
  const targetOf = (url: string): Target =>
    parseTarget(url, options.serverKey, options.insecurePlain);
  const target = targetOf(options.url);
  const timeoutMs = wholeNumber('--timeout', options.timeout);
  const wrong = await breakRule(options.break, target);
  try {
    const server = await findFacts(
      {
        target: wrong === undefined ? target : parseTarget(wrong.url, undefined, true),
        second: options.secondUrl === undefined ? undefined : targetOf(options.secondUrl),
        registered: options.registeredSecret.map(readSecret),
        extensions: options.extensions.split(';').filter((name) => name !== ''),
      },
      timeoutMs,
    );
    return await runAndReport(options, checks, server, timeoutMs, write);
  } finally {
    await wrong?.close();
  }
}

/** A wrong server in front of the right one, where the user wants to see one. */
async function breakRule(
  name: string | undefined,
  target: Target,
): Promise<WrongServer | undefined> {
  if (name === undefined) return undefined;
  const fault = faults.find((one) => one.name === name);
  if (fault !== undefined) return startWrongServer(target, fault);
  const names = faults.map((one) => `  ${one.name.padEnd(26)} ${one.title}`).join('\n');
  throw new UsageError(`--break: write one of\n${names}`);
}

async function runAndReport(
  options: Options,
  checks: readonly Check[],
  server: ServerFacts,
  timeoutMs: number,
  write: Output['write'],
): Promise<number> {
  const results = await runChecks({
    checks,
    server,
    timeoutMs,
    concurrency: wholeNumber('--concurrency', options.concurrency),
    onResult: (result) => {
      if (!options.json) write(`${resultLine(result)}\n`);
    },
  });
  const totals = totalsOf(results);
  write(`${options.json ? jsonReport(server.target.url, results) : totalsLine(totals)}\n`);
  return totals.failed === 0 ? EXIT.passed : EXIT.failed;
}

function chosenChecks({ only, specOnly }: Options): readonly Check[] {
  const chosen = allChecks.filter(
    ({ name, rule }) =>
      (only === undefined || matches(name, only)) && !(specOnly && rule.isReading),
  );
  if (chosen.length > 0) return chosen;
  throw new UsageError(`--only: no check is named like "${only}"; --list shows them all`);
}

/** Whether a name contains a pattern in which `*` stands for anything. */
export function matches(name: string, pattern: string): boolean {
  let at = 0;
  for (const part of pattern.split('*')) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return true;
}

function wholeNumber(option: string, text: string): number {
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text);
  throw new UsageError(`${option}: write a whole number from 1 to 9999999, not "${text}"`);
}

function readSecret(text: string): Identity {
  try {
    return identityOf(text.startsWith('mosec0') ? decodeSecretKey(text) : hexDecode(text));
  } catch (error) {
    if (!isMosaicError(error)) throw error;
    throw new UsageError('--registered-secret: write mosec0… or 64 hex digits');
  }
}
