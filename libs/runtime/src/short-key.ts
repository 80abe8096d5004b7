/**
 * Shortens keys for log lines: enough to tell two apart and to search for, short enough to read.
 */

const HEX_DIGITS_SHOWN = 8;
const HUMAN_CHARACTERS_SHOWN = 14;

/**
 * Returns the first eight hex digits of a key followed by `…`. Takes bytes, hex in either case,
 * or a human encoding such as `mopub0…`, whose first 14 characters are kept instead.
 */
export function shortKey(key: Uint8Array | string): string {
  if (typeof key !== 'string') {
    const hex = Buffer.from(key.subarray(0, HEX_DIGITS_SHOWN / 2)).toString('hex');
    return key.length * 2 > HEX_DIGITS_SHOWN ? `${hex}…` : hex;
  }
  const isHex = /^[0-9a-f]+$/i.test(key);
  const shown = isHex ? HEX_DIGITS_SHOWN : HUMAN_CHARACTERS_SHOWN;
  const text = isHex ? key.toLowerCase() : key;
  return text.length > shown ? `${text.slice(0, shown)}…` : text;
}
