/**
 * Making foreign text safe and fitting for a terminal: records are written by strangers, and a
 * stranger's escape sequence must not reach the screen.
 */

/** Columns that the command's output is laid out for. */
export const COLUMNS = 100;

// Control characters, line separators, and marks that reorder or hide what stands beside them; not
// the joiners that scripts and emoji are written with.
const UNSAFE = /(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/** `text` on one line, with everything that is not plainly visible written as `\u{…}`. */
export function safeText(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u{${char.codePointAt(0)!.toString(16)}}`);
}

/** Cuts a line into pieces of at most `width` characters. */
export function wrap(line: string, width: number): string[] {
  const characters = Array.from(line);
  if (characters.length <= width) return [line];
  const lines: string[] = [];
  for (let at = 0; at < characters.length; at += width) {
    lines.push(characters.slice(at, at + width).join(''));
  }
  return lines;
}

/** The text in UTF-8 `bytes`; undefined where they are none, or are plainly not for reading. */
export function readableText(bytes: Uint8Array): string | undefined {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
  // Tab and line ends belong into text; other control characters mean that it is something else.
  // oxlint-disable-next-line no-control-regex
  return /[\0-\x08\x0B\x0C\x0E-\x1F]/.test(text) ? undefined : text;
}

/** `3 bytes`, `1 byte`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en-US')} ${noun}${number === 1 ? '' : 's'}`;
}
