/** A soak's figures for people and programs. */
import { SOAK_EVENTS, SOAK_PARTS, type SoakEvent } from '../generator/soak/soak-figures.ts';
import type { Histogram } from '../histogram.ts';
import { formatNumber } from '../report/table.ts';
import type { JudgedMemory, SoakResult } from './soak.ts';
import { MEMORY_KINDS, type MemoryKind, type SoakSeries } from './soak-series.ts';

const MEBIBYTE = 2 ** 20;

const MEMORY_TEXT: Readonly<Record<MemoryKind, string>> = {
  own: 'its own memory',
  heap: "of which JavaScript's heap",
  buffers: "of which JavaScript's buffers",
  files: 'mapped files',
};

const EVENT_TEXT: Readonly<Record<SoakEvent, string>> = {
  duplicates: 'records sent again',
  replacements: 'records replaced',
  ephemeral: 'ephemeral records',
  resubscriptions: 'subscriptions changed',
  slowReads: 'slow readers',
  shedSubscriptions: 'of which lost their subscription',
};

/** A line for every now and then. */
export function progressLine(seconds: number, series: SoakSeries): string {
  const counts = SOAK_PARTS.map((part) => `${series.whole(part).total} ${pluralOf(part)}`);
  const memory = MEMORY_KINDS.flatMap((kind) => {
    const last = series.memory[kind].at(-1);
    return last === undefined ? [] : [`${kind} ${mebibytes(last.bytes)}`];
  });
  const where = memory.length === 0 ? '' : `; MiB: ${memory.join(', ')}`;
  return `${clock(seconds)}  ${counts.join(', ')}${where}`;
}

/** The lines of the result. */
export function renderSoak({ seconds, series, memory }: SoakResult): string[] {
  const rows = [['', 'count', 'first third p50 ms', 'p99 ms', 'last third p50 ms', 'p99 ms']];
  for (const part of SOAK_PARTS) {
    const quantiles = [series.third(0, part), series.third(2, part)].flatMap(millisOf);
    rows.push([pluralOf(part), `${series.whole(part).total}`, ...quantiles]);
  }
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const lines = rows.map((row) => {
    return row.map((cell, i) => pad(cell, widths[i]!, i === 0)).join('  ');
  });
  const events = SOAK_EVENTS.map((event) => `${series.events[event]} ${EVENT_TEXT[event]}`);
  return [
    `${clock(seconds)} of everything at once; every answer was right.`,
    '',
    ...lines,
    '',
    `Among them ${events.join(', ')}.`,
    ...memoryLines(series, memory),
  ];
}

/** The same for programs. */
export function soakJson({ seconds, series, memory }: SoakResult): Record<string, unknown> {
  const latency = SOAK_PARTS.map((part) => {
    const ofThird = (number: 0 | 1 | 2): Record<string, number> => {
      const histogram = series.third(number, part);
      const [p50Ms, p99Ms] = [histogram.quantile(0.5) / 1000, histogram.quantile(0.99) / 1000];
      return { count: histogram.total, p50Ms, p99Ms, maxMs: histogram.max / 1000 };
    };
    return [part, [ofThird(0), ofThird(1), ofThird(2)]];
  });
  return {
    date: new Date().toISOString(),
    seconds,
    thirds: Object.fromEntries(latency),
    events: series.events,
    judged: memory,
    memory: series.memory,
  };
}

function memoryLines(series: SoakSeries, memory: readonly JudgedMemory[]): string[] {
  if (memory.length === 0) return ['Without --pid the memory of the server is not known.'];
  const lines = memory.map(({ kind, verdict, ...line }) => {
    const from = `${mebibytes(line.fromBytes)} to ${mebibytes(line.toBytes)} MiB`;
    const hourly = `${signed(line.bytesPerHour)} MiB an hour`;
    const allowed = `${mebibytes(line.bytesPerHourMax)} allowed beyond ${mebibytes(line.noiseBytes)}`;
    const word = verdict === 'grows' ? 'GROWS' : verdict;
    return `Memory, ${MEMORY_TEXT[kind]}: ${from}, ${hourly} (${allowed}): ${word}.`;
  });
  const { files } = series.memory;
  const from = mebibytes(files[0]?.bytes ?? 0);
  const to = mebibytes(files.at(-1)?.bytes ?? 0);
  const why = 'the index in use, which grows with the records and the kernel takes back at need';
  return [...lines, `Memory, ${MEMORY_TEXT.files}: ${from} to ${to} MiB: ${why}.`];
}

function millisOf(histogram: Histogram): string[] {
  return [0.5, 0.99].map((share) => formatNumber(histogram.quantile(share) / 1000));
}

function pluralOf(part: (typeof SOAK_PARTS)[number]): string {
  return { query: 'queries', delivery: 'deliveries' }[part as string] ?? `${part}s`;
}

function mebibytes(bytes: number): string {
  return formatNumber(bytes / MEBIBYTE);
}

function signed(bytes: number): string {
  return `${bytes < 0 ? '' : '+'}${mebibytes(bytes)}`;
}

function pad(text: string, width: number, isLeft: boolean): string {
  return isLeft ? text.padEnd(width) : text.padStart(width);
}

function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
