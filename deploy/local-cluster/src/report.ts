/** What a cluster on one machine tells whoever started it: a line at a time, each from somebody. */

/** A line of a process's log, or of the cluster's own. */
export interface ReportLine {
  /** Such as `gateway-1`; `cluster` for what starts them all. */
  readonly from: string;
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Takes lines. */
export type Report = (line: ReportLine) => void;

/** Reads a line that a process wrote: JSON of its log, or whatever else came. */
export function readLine(from: string, text: string): ReportLine {
  const parsed = parseObject(text);
  const message = parsed?.['message'];
  if (parsed === undefined || typeof message !== 'string') {
    return { from, level: 'info', message: text, fields: {} };
  }
  const { level, message: _message, time: _time, service: _service, ...fields } = parsed;
  return { from, level: String(level), message, fields };
}

/** A JSON object; undefined: the text is none. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

const COLOURS = [36, 35, 34, 33, 32, 96, 95, 94, 93, 92];
const NAME_WIDTH = 12;

/** A report for people: time, who, what; faults stand out. */
export function prettyReport(write: (text: string) => void, isColoured: boolean): Report {
  const colours = new Map<string, number>();
  const paint = (code: number, text: string): string =>
    isColoured ? `\u001b[${code}m${text}\u001b[0m` : text;
  return ({ from, level, message, fields }) => {
    const colour = colours.get(from) ?? COLOURS[colours.size % COLOURS.length]!;
    colours.set(from, colour);
    const time = new Date().toTimeString().slice(0, 8);
    const isFault = level === 'error' || level === 'fatal';
    const isWarning = level === 'warn';
    const text = printable(message + describe(fields));
    const shown = isFault ? paint(31, text) : isWarning ? paint(33, text) : text;
    const word = isFault || isWarning ? `${level}: ` : '';
    write(`${paint(2, time)} ${paint(colour, from.padEnd(NAME_WIDTH))} ${word}${shown}\n`);
  };
}

/** A report for programs: a line of JSON each. */
export function jsonReport(write: (text: string) => void): Report {
  return ({ from, level, message, fields }) =>
    write(`${JSON.stringify({ level, process: from, message, ...fields })}\n`);
}

function describe(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .map(([name, value]) => ` ${name}=${valueText(value)}`)
    .join('');
}

function valueText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'message' in value) {
    return JSON.stringify(value.message);
  }
  return JSON.stringify(value);
}

/** What a terminal would obey is shown instead. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (c) => JSON.stringify(c).slice(1, -1));
}
