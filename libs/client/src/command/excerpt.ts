/**
 * Showing where a fault lies: the bytes or characters around it, with the guilty ones marked.
 */
import type { ByteRange } from '@mosaic-cluster/protocol';
import { safeText } from './display-text.ts';
import type { Paint } from './paint.ts';

const ROW_BYTES = 16;
/** Rows shown of a long range: its first ones and its last one. */
const ROWS_MAX = 4;

/** Column of a row's byte `i`, behind the offset. */
function columnOf(i: number): number {
  return 3 * i + (i >= 8 ? 1 : 0);
}

function markedRow(bytes: Uint8Array, at: number, range: ByteRange, paint: Paint): string[] {
  const end = Math.min(at + ROW_BYTES, bytes.length);
  const offset = String(at).padStart(9);
  let row = '';
  let marks = '';
  for (let i = at; i < end; i++) {
    const hex = bytes[i]!.toString(16).padStart(2, '0');
    const isMarked = i >= range.start && i < range.end;
    const gap = i - at === 8 ? '  ' : i === at ? '' : ' ';
    const joined = isMarked && i > range.start && i > at;
    row += gap + (isMarked ? paint.red(hex) : hex);
    marks += gap.replaceAll(' ', joined ? '^' : ' ') + (isMarked ? '^^' : '  ');
  }
  const lines = [`${paint.dim(offset)}  ${row}`];
  if (range.start === range.end && range.start >= at && range.start <= end) {
    marks = `${' '.repeat(columnOf(range.start - at))}^`;
  }
  if (marks.trim() !== '') lines.push(`${' '.repeat(11)}${paint.red(marks.trimEnd())}`);
  return lines;
}

/**
 * The rows of a hex dump that hold `range`, the range marked below; of a long one only its
 * first rows and its last.
 */
export function hexExcerpt(bytes: Uint8Array, range: ByteRange, paint: Paint): string[] {
  if (bytes.length === 0) return [];
  const last = Math.max(range.start, Math.min(range.end, bytes.length) - 1);
  const firstRow = Math.floor(Math.min(range.start, bytes.length - 1) / ROW_BYTES);
  const lastRow = Math.floor(Math.min(last, bytes.length - 1) / ROW_BYTES);
  const lines: string[] = [];
  for (let row = firstRow; row <= lastRow; row++) {
    if (lastRow - firstRow >= ROWS_MAX && row === firstRow + ROWS_MAX - 1) {
      lines.push(`${' '.repeat(11)}${paint.dim('…')}`);
      row = lastRow;
    }
    lines.push(...markedRow(bytes, row * ROW_BYTES, range, paint));
  }
  return lines;
}

/** The characters around `range`, the range marked below. */
export function textExcerpt(text: string, range: ByteRange, paint: Paint): string[] {
  const from = Math.max(0, range.start - 30);
  const to = Math.min(text.length, Math.max(range.end, range.start + 1) + 30, from + 80);
  const before = `${from > 0 ? '…' : ''}${safeText(text.slice(from, range.start))}`;
  const guilty = safeText(text.slice(range.start, Math.min(range.end, to)));
  const after = `${safeText(text.slice(Math.min(range.end, to), to))}${to < text.length ? '…' : ''}`;
  return [
    `    ${before}${paint.red(guilty)}${after}`,
    `    ${' '.repeat(before.length)}${paint.red('^'.repeat(Math.max(1, guilty.length)))}`,
  ];
}
