/**
 * A report as text, for people: a line per field with the bytes it came from, then the verdict.
 */
import { formatRange } from '@mosaic-cluster/protocol';
import { COLUMNS, wrap } from './display-text.ts';
import type { Paint } from './paint.ts';
import type { Check, Fault, Field, Group, Report } from './report.ts';

const LABEL_COLUMNS = 16;
const RANGE_COLUMNS = 15;
const VALUE_AT: number = 2 + LABEL_COLUMNS + 1 + RANGE_COLUMNS + 1;
const VALUE_COLUMNS: number = COLUMNS - VALUE_AT;
/** Where a value stands that is too long for its column but can stay in one piece. */
const OWN_LINE_AT = 4;

/** The report's lines; the verdict is not among them, see {@link verdictText}. */
export function reportText(report: Report, paint: Paint): string[] {
  const lines: string[] = [];
  for (const field of report.fields) lines.push(...fieldText(field, paint));
  for (const group of report.groups) lines.push(...groupText(group, paint));
  for (const { name, report: inner } of report.nested) {
    const title = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    const body = reportText(inner, paint);
    if (body.length > 0) lines.push('', `  ${paint.bold(title)}`, ...body);
  }
  if (report.checks.length > 0) lines.push('', `  ${paint.bold('validation')}`);
  for (const check of report.checks) lines.push(...checkText(check, paint));
  return lines[0] === '' ? lines.slice(1) : lines;
}

function fieldText(field: Field, paint: Paint): string[] {
  const range = field.range === undefined ? '' : formatRange(field.range);
  const head = `  ${field.label.padEnd(LABEL_COLUMNS)} ${paint.dim(range.padEnd(RANGE_COLUMNS))} `;
  const [first, ...rest] = field.lines.flatMap(placed);
  const lines = rest.map(({ text, at }) => ' '.repeat(at) + text);
  if (first === undefined || first.at === VALUE_AT) return [head + (first?.text ?? ''), ...lines];
  // A first line that needs the whole width leaves the label on a line of its own.
  return [head.trimEnd(), ' '.repeat(first.at) + first.text, ...lines];
}

/** A line and the column that it starts at. */
interface Placed {
  readonly text: string;
  readonly at: number;
}

/** A value's line cut to fit; one that can stay in one piece may get a line of its own. */
function placed(line: string): Placed[] {
  const inColumn = (text: string): Placed => ({ text, at: VALUE_AT });
  if (line.length <= VALUE_COLUMNS) return [inColumn(line)];
  if (line.includes(' ')) return wordWrap(line, VALUE_COLUMNS).map(inColumn);
  if (line.length <= COLUMNS - OWN_LINE_AT) return [{ text: line, at: OWN_LINE_AT }];
  return wrap(line, 64).map(inColumn);
}

/** Breaks at spaces where there are some. */
export function wordWrap(line: string, width: number): string[] {
  const lines: string[] = [];
  let held = '';
  for (const word of line.split(' ')) {
    if (held !== '' && held.length + 1 + word.length > width) {
      lines.push(held);
      held = '';
    }
    const pieces = wrap(held === '' ? word : `${held} ${word}`, width);
    lines.push(...pieces.slice(0, -1));
    held = pieces.at(-1) ?? '';
  }
  return [...lines, held];
}

function groupText(group: Group, paint: Paint): string[] {
  if (group.items.length === 0) return [`  ${group.label.padEnd(LABEL_COLUMNS)} none`];
  const title = `  ${paint.bold(group.label)} (${group.items.length})`;
  return ['', title, ...group.items.flatMap((item) => fieldText(item, paint))];
}

const MARKS: Readonly<Record<Check['verdict'], string>> = {
  passed: 'ok',
  failed: 'FAILED',
  skipped: 'not checked',
};

const CHECK_COLUMNS = 21;
/** Where the message of a failed check starts. */
const MESSAGE_AT: number = 5 + CHECK_COLUMNS + RANGE_COLUMNS;

function checkText(check: Check, paint: Paint): string[] {
  const { verdict, message } = check;
  const colour = { passed: paint.green, failed: paint.red, skipped: paint.dim }[verdict];
  const step = /^\d+$/.test(check.step) ? check.step.padStart(2) : '  ';
  const head = `  ${step} ${check.label.padEnd(CHECK_COLUMNS)}`;
  const [first = '', ...rest] = wordWrap(message ?? '', COLUMNS - MESSAGE_AT);
  const mark = colour(first === '' ? MARKS[verdict] : MARKS[verdict].padEnd(RANGE_COLUMNS));
  return [head + mark + first, ...rest.map((line) => ' '.repeat(MESSAGE_AT) + line)];
}

/** `step 9, bytes [152:216): the signature is not valid`. */
export function faultText(fault: Fault): string {
  const step = fault.step === undefined ? '' : `step ${fault.step}`;
  const bytes = fault.range === undefined ? '' : `bytes ${formatRange(fault.range)}`;
  const where = [step, bytes].filter((part) => part !== '').join(', ');
  return where === '' ? fault.message : `${where}: ${fault.message}`;
}
