/**
 * Excerpts point at exactly the guilty bytes, and show nothing that a terminal would obey.
 */
import { describe, expect, test } from 'vitest';
import { hexExcerpt, textExcerpt } from './excerpt.ts';
import { createPaint } from './paint.ts';

const paint = createPaint(false);
const bytes = Uint8Array.from({ length: 200 }, (_, i) => i);

describe('hex excerpts', () => {
  test('mark the range under its bytes', () => {
    expect(hexExcerpt(bytes, { start: 6, end: 10 }, paint)).toEqual([
      '        0  00 01 02 03 04 05 06 07  08 09 0a 0b 0c 0d 0e 0f',
      '                             ^^^^^^^^^^^^',
    ]);
  });

  test('mark an empty range, also behind the end', () => {
    const lines = hexExcerpt(bytes.subarray(0, 3), { start: 3, end: 3 }, paint);
    expect(lines).toEqual(['        0  00 01 02', '                    ^']);
    expect(hexExcerpt(new Uint8Array(0), { start: 0, end: 0 }, paint)).toEqual([]);
  });

  test('cut a long range to its first rows and its last', () => {
    const lines = hexExcerpt(bytes, { start: 0, end: 200 }, paint);
    expect(lines.filter((line) => !line.includes('^'))).toEqual([
      expect.stringMatching(/^ {8}0 /),
      expect.stringMatching(/^ {7}16 /),
      expect.stringMatching(/^ {7}32 /),
      '           …',
      expect.stringMatching(/^ {6}192 {2}c0 c1 c2 c3 c4 c5 c6 c7$/),
    ]);
  });

  test('survive ranges that lie outside', () => {
    expect(hexExcerpt(bytes, { start: 500, end: 600 }, paint)).toHaveLength(1);
  });
});

test('text excerpts show what stands around and nothing that a terminal would obey', () => {
  const lines = textExcerpt(
    `${'a'.repeat(50)}\u001B[2J${'b'.repeat(50)}`,
    { start: 50, end: 51 },
    paint,
  );
  expect(lines[0]).toBe(`    …${'a'.repeat(30)}\\u{1b}[2J${'b'.repeat(27)}…`);
  expect(lines[1]).toBe(`${' '.repeat(35)}^^^^^^`);
});
