/**
 * `mosaic inspect`: what are these bytes, and are they valid?
 */
import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { COLUMNS, count, safeText } from './display-text.ts';
import {
  type Decoded,
  decodeContent,
  decodeText,
  type Encoding,
  type Undecodable,
} from './encoding.ts';
import { hexExcerpt, textExcerpt } from './excerpt.ts';
import { EXIT, EXIT_HELP, usageError } from './exit-code.ts';
import type { Host } from './host.ts';
import { INPUT_TYPES, inspectBytes, type Inspection, unknownReport } from './inspect-bytes.ts';
import type { InputType, Report } from './report.ts';
import { jsonText, reportJson } from './report-json.ts';
import { faultText, reportText, wordWrap } from './report-text.ts';
import { readPassword } from './secret-source.ts';

interface InspectCommandOptions {
  readonly file?: string;
  readonly as?: InputType;
  readonly encoding?: Encoding;
  readonly passwordStdin?: true;
  readonly showSecret?: true;
  readonly full?: true;
  readonly json?: true;
}

const HELP = `
INPUT is hex, base64, a human encoding (mopub0… mosrv0… mosec0… mocryptsec0… moref0… morecord0…),
or @FILE; a file, and standard input (- or nothing), may hold any of these or the bytes themselves.
What it is, is found out: a human encoding names it, bytes must fit a format from end to end. What
fits none is explained as what it resembles most. --as decides otherwise.

Byte ranges are [start:end) and count from the input's first byte. Secret keys are never shown
without --show-secret. In JSON 64-bit integers are decimal strings, bytes are hex.

Examples:
  mosaic inspect @post.record                         a record from a file
  mosaic inspect mopub08pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo
  mosaic build filter --kind profile | mosaic inspect
  mosaic inspect --as secret-key @alice.key           the public key of a secret key
  mosaic inspect --json @post.record | jq -r .fields.timestamp.utc
  mosaic inspect @alice.key --password-stdin          whose mocryptsec0… it is; asks for a line
${EXIT_HELP}`;

/** Adds `inspect` to the command. */
export function registerInspect(program: Command, host: Host): void {
  program
    .command('inspect')
    .summary('explain and validate a record, filter, message, key or reference')
    .description(
      'Explains what a record, key schedule, profile, filter, message, key or reference says, and ' +
        'says where and why it is invalid.',
    )
    .argument('[input]', 'the data, or @FILE; - or nothing: standard input')
    .option('--file <file>', 'read FILE, the same as @FILE')
    .addOption(new Option('--as <type>', 'what the input should be').choices([...INPUT_TYPES]))
    .addOption(
      new Option('--encoding <encoding>', 'how the input is written').choices([
        'hex',
        'base64',
        'human',
        'binary',
      ]),
    )
    .option('--password-stdin', 'open an encrypted key with the password on standard input')
    .option('--show-secret', 'show a secret key itself')
    .option('--full', 'show long contents whole')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action(async (input: string | undefined, options: InspectCommandOptions) => {
      await inspect(host, input, options);
    });
}

async function inspect(
  host: Host,
  input: string | undefined,
  options: InspectCommandOptions,
): Promise<void> {
  const decoded = await readDecoded(host, input, options);
  if ('message' in decoded) {
    tellUndecodable(host, decoded, input, options);
    return;
  }
  const inspection = inspectBytes(decoded, {
    as: options.as,
    all: options.full === true,
    showSecret: options.showSecret === true,
    password: options.passwordStdin === true ? await readPassword(host) : undefined,
  });
  if (inspection === undefined) {
    tellUnknown(host, decoded, options);
    return;
  }
  if (inspection.report.fault !== undefined) host.exitCode = EXIT.invalid;
  if (options.json === true) tellJson(host, decoded, inspection);
  else tellText(host, decoded, inspection);
}

async function readDecoded(
  host: Host,
  input: string | undefined,
  options: InspectCommandOptions,
): Promise<Decoded | Undecodable> {
  const { file, encoding } = options;
  if (file !== undefined && input !== undefined) {
    throw usageError('--file', 'there is an INPUT too', 'Give one of the two.');
  }
  if (file !== undefined) return decodeContent(host.readFile('--file', file), encoding);
  if (input?.startsWith('@') === true) {
    return decodeContent(host.readFile('INPUT', input.slice(1)), encoding);
  }
  if (input !== undefined && input !== '-') return decodeText(input, encoding);
  if (input === undefined && host.isInputTerminal) {
    throw usageError(
      'INPUT',
      'there is nothing to inspect',
      'Give hex, base64, a human encoding or @FILE, or pipe something in; --help has examples.',
    );
  }
  return decodeContent(await host.readInput('INPUT'), encoding);
}

function tellUndecodable(
  host: Host,
  problem: Undecodable,
  input: string | undefined,
  options: InspectCommandOptions,
): void {
  host.exitCode = EXIT.invalid;
  const { message } = problem;
  const excerpt = options.as === 'secret-key' ? undefined : problem.excerpt;
  if (options.json === true) {
    const range = excerpt === undefined ? null : [excerpt.range.start, excerpt.range.end];
    const fault = { code: 'encoding', step: 'encoding', message, range };
    host.write(jsonText({ type: null, valid: false, fault }));
    return;
  }
  const paint = host.errorPaint;
  host.warn(`${paint.red('error:')} ${message}\n`);
  for (const line of excerpt === undefined ? [] : textExcerpt(excerpt.text, excerpt.range, paint)) {
    host.warn(`${line}\n`);
  }
  if (input !== undefined && input.length < 256 && existsSync(input)) {
    host.warn(`There is a file of that name: @${safeText(input)} reads it.\n`);
  }
}

function tellUnknown(host: Host, decoded: Decoded, options: InspectCommandOptions): void {
  host.exitCode = EXIT.invalid;
  const { message, remedy } = unknownReport(decoded.bytes);
  if (options.json === true) {
    const fault = { code: 'unknown-type', step: null, message, range: null };
    host.write(jsonText({ type: null, valid: false, fault }));
    return;
  }
  host.warn(`${host.errorPaint.red('error:')} ${message}\n`);
  host.warn(`${wordWrap(remedy, COLUMNS).join('\n')}\n`);
}

function tellJson(host: Host, decoded: Decoded, inspection: Inspection): void {
  const { type, ...rest } = reportJson(inspection.report);
  const source = { encoding: decoded.encoding, length: decoded.bytes.length };
  const whole = { type: type ?? null, certainty: inspection.certainty, source, ...rest };
  host.write(jsonText(whole));
}

/** What is worth knowing about the whole and about what is inside it. */
function remarksIn(report: Report): readonly string[] {
  return [...report.remarks, ...report.nested.flatMap(({ report: inner }) => remarksIn(inner))];
}

function tellText(host: Host, decoded: Decoded, inspection: Inspection): void {
  const { paint } = host;
  const { report, certainty } = inspection;
  const { type, fault } = report;
  const remarks = remarksIn(report);
  const isValid = fault === undefined;
  const verdict = isValid ? paint.green('valid') : paint.red('INVALID');
  const size = count(decoded.bytes.length, 'byte');
  const guess = certainty === 'guessed' ? ' (a guess: --as TYPE decides)' : '';
  const what = type.replace('-', ' ');
  const lines = [`${paint.bold(what)}${guess}, ${size} from ${decoded.encoding}: ${verdict}`];
  const body = reportText(report, paint);
  if (body.length > 0) lines.push('', ...body);
  if (fault !== undefined) {
    lines.push('', ...wordWrap(`${paint.red('invalid:')} ${faultText(fault)}`, COLUMNS));
    if (fault.range !== undefined) lines.push(...hexExcerpt(decoded.bytes, fault.range, paint));
  }
  if (remarks.length > 0) lines.push('');
  for (const remark of remarks)
    lines.push(...wordWrap(`${paint.yellow('note:')} ${remark}`, COLUMNS));
  host.write(`${lines.join('\n')}\n`);
}
