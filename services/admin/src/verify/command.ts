/** `mosaic-admin verify`: whether what is kept is what was written, and the index answers it. */
import { resolve } from 'node:path';
import { EXIT, type Host, parseWhole, StatusLine } from '@mosaic-cluster/client/command';
import { isMosaicError } from '@mosaic-cluster/protocol';
import { createVerifier, type Verifier } from '@mosaic-cluster/verifier';
import { type Command, Option } from 'commander';
import {
  addPlaceOptions,
  openPlace,
  PLACE_HELP,
  type PlaceOptions,
} from '../place/place-options.ts';
import { EXIT_HELP } from '../exit-code.ts';
import { ProgressReporter } from '../output/progress.ts';
import type { SignatureChoice } from './record-checks.ts';
import { findingsTotal, reportJson, reportText } from './verify-report.ts';
import { stateFile } from './verify-state.ts';
import { verify } from './verify.ts';

interface VerifyCommandOptions extends PlaceOptions {
  readonly signatures: SignatureChoice;
  readonly oneIn: number;
  readonly state?: string;
  readonly threads?: number;
}

/** Of a sample, one record in so many unless the user says otherwise. */
const ONE_IN = 100;

const HELP = `
Reads all segments and checks every checksum, every record's form and hash, and signatures as told;
looks every record up in the index by its ID, and one in --one-in on all of its paths; then walks the
whole index and checks that every entry leads to its record. Nothing is changed or repaired.

It works while the server runs, and takes no lock. What the server writes after the start is not
looked at. Damage does not end it: all of it is told. Records are named by ID; nothing of what is in
them is shown.

Ctrl-C ends it between two batches. With --state FILE the same command then goes on where it was; the
file is removed once it is done.
${PLACE_HELP}

Examples:
  mosaic-admin verify --data ./data
  mosaic-admin verify --data ./data --signatures all --state /var/tmp/verify.state
  mosaic-admin verify --data ./data --role outbox --json | jq .found
${EXIT_HELP}`;

/** Adds `verify` to the command. */
export function registerVerify(program: Command, host: Host): void {
  const command = program
    .command('verify')
    .summary('check segments, records and index')
    .description('Checks that what is kept is what was written, and that the index answers it.')
    .addOption(
      new Option('--signatures <which>', 'signatures to check')
        .choices(['none', 'sample', 'all'])
        .default('sample'),
    )
    .option('--one-in <n>', 'of samples: one record in so many', parseWhole(1, 1e9), ONE_IN)
    .option('--threads <n>', 'threads that check signatures', parseWhole(0, 64))
    .option('--state <file>', 'keep how far it is in FILE, and go on from there');
  addPlaceOptions(command)
    .addHelpText('after', HELP)
    .action(async (options: VerifyCommandOptions) => {
      await runVerify(host, options);
    });
}

async function runVerify(host: Host, options: VerifyCommandOptions): Promise<void> {
  const { signatures, oneIn, json, quiet } = options;
  const holding = await openPlace(options);
  const status = new StatusLine(host, quiet === true);
  const progress = new ProgressReporter(host, status);
  const stopped = new AbortController();
  const off = host.onInterrupt(() => stopped.abort());
  let verifier: Verifier | undefined;
  try {
    verifier = signatures === 'none' ? undefined : await openVerifier(options.threads, status);
    const only = options.role ?? [];
    const task = [resolve(holding.name), ...only, `signatures ${signatures} 1/${oneIn}`].join(', ');
    const state = await verify({
      holding,
      signatures,
      oneIn,
      task,
      verifier,
      stateFile: options.state === undefined ? undefined : stateFile(options.state, task),
      signal: stopped.signal,
      onProgress: (now) => progress.report(now),
    });
    progress.clear();
    const report = { holding, state, signatures, oneIn };
    host.write(json === true ? reportJson(report) : reportText(report));
    host.exitCode = findingsTotal(state) === 0 ? EXIT.ok : EXIT.invalid;
  } catch (error) {
    progress.clear();
    if (isMosaicError(error) && error.code === 'interrupted') status.warn(howToGoOn(options.state));
    throw error;
  } finally {
    off();
    await verifier?.close();
    await holding.close();
  }
}

function howToGoOn(path: string | undefined): string {
  return path === undefined
    ? 'It begins anew next time; with --state FILE it could go on.'
    : `How far it is, is in ${path}: the same command goes on from there.`;
}

function openVerifier(threads: number | undefined, status: StatusLine): Promise<Verifier> {
  return createVerifier({
    ...(threads === undefined ? {} : { workers: threads }),
    onFallback: (reason) => status.note(reason.message),
    onWorkerLost: (error) => status.note(`a verification thread failed: ${error.message}`),
  });
}
