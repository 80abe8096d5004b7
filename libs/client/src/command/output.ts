/**
 * Where something that was built goes, and in which form.
 */
import { base64Encode, encodeHuman, hexEncode } from '@mosaic-cluster/protocol';
import type { Command } from 'commander';
import { usageError } from './exit-code.ts';
import type { Host } from './host.ts';

/** The options that {@link addOutputOptions} adds. */
export interface OutputOptions {
  readonly out?: string;
  readonly hex?: true;
  readonly base64?: true;
  readonly human?: true;
}

/** How output is chosen, for help texts. */
export const OUTPUT_HELP = `
Output goes to standard output as text, or to --out FILE as the bytes themselves; a form that is
named (--hex, --base64, --human) holds for both. A file that exists is never overwritten.
--out - writes the bytes to standard output.`;

/** Adds the options for output. @param defaultForm what standard output gets, for the help */
export function addOutputOptions(command: Command, defaultForm: string): Command {
  return command
    .option('--out <file>', 'write to FILE instead of standard output')
    .option('--hex', `as hex${defaultForm === 'hex' ? ' (default)' : ''}`)
    .option('--base64', 'as base64')
    .option('--human', `as morecord0…${defaultForm === 'human' ? ' (default)' : ''}`);
}

/**
 * Writes what was built.
 *
 * @param human whether the bytes have a human encoding: records have, filters have not
 */
export function writeBuilt(
  host: Host,
  bytes: Uint8Array,
  options: OutputOptions,
  human: boolean,
): void {
  const named = [options.hex, options.base64, options.human].filter(Boolean).length;
  if (named > 1) {
    throw usageError('--hex, --base64, --human', 'only one can be', 'Leave the others out.');
  }
  if (options.human === true && !human) {
    throw usageError('--human', 'a filter has no human encoding', 'Use --hex or --base64.');
  }
  if (options.out !== undefined && named === 0) {
    if (options.out !== '-') host.createFile('--out', options.out, bytes);
    else if (host.isTerminal) {
      throw usageError('--out -', 'bytes would garble the terminal', 'Pipe them, or use --hex.');
    } else host.write(bytes);
    return;
  }
  const text = `${encode(bytes, options, human)}\n`;
  if (options.out === undefined || options.out === '-') host.write(text);
  else host.createFile('--out', options.out, text);
}

function encode(bytes: Uint8Array, options: OutputOptions, human: boolean): string {
  if (options.base64 === true) return base64Encode(bytes);
  const isHuman = options.human ?? (options.hex === undefined && human);
  return isHuman ? encodeHuman('record', bytes) : hexEncode(bytes);
}
