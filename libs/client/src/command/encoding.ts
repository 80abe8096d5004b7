/**
 * From what the user gave (text in some encoding, or bytes) to the bytes it stands for.
 */
import {
  base64Decode,
  type ByteRange,
  hexDecode,
  HUMAN_PREFIX,
  type HumanKind,
  humanKind,
  isMosaicError,
  zbase32Decode,
} from '@mosaic-cluster/protocol';

/** How bytes were written. */
export type Encoding = 'hex' | 'base64' | 'human' | 'binary';

/** What the user gave, decoded. */
export interface Decoded {
  readonly bytes: Uint8Array;
  readonly encoding: Encoding;
  /** The human encoding's own say on what it holds. */
  readonly human: HumanKind | undefined;
}

/** Text that stands for no bytes. */
export interface Undecodable {
  readonly message: string;
  /** The text and the characters at fault; absent where it may be a secret. */
  readonly excerpt?: { readonly text: string; readonly range: ByteRange };
}

const FORMS = 'hex, base64 or a human encoding such as mopub0…';

/** Bytes that are all plain text, as every encoding but the binary one is. */
export function asPlainText(bytes: Uint8Array): string | undefined {
  for (const byte of bytes) {
    const isPlain = (byte >= 0x20 && byte < 0x7f) || byte === 9 || byte === 10 || byte === 13;
    if (!isPlain) return undefined;
  }
  return Buffer.from(bytes).toString('latin1');
}

/** Decodes the content of a file or stream: text in any encoding, or the bytes themselves. */
export function decodeContent(content: Uint8Array, forced?: Encoding): Decoded | Undecodable {
  const text = forced === 'binary' ? undefined : asPlainText(content);
  if (text === undefined || content.length === 0) {
    return { bytes: content, encoding: 'binary', human: undefined };
  }
  return decodeText(text, forced);
}

/** Decodes text. White space around and, in hex and base64, inside it is skipped. */
export function decodeText(text: string, forced?: Encoding): Decoded | Undecodable {
  if (forced === 'binary') {
    return { bytes: Buffer.from(text), encoding: 'binary', human: undefined };
  }
  const trimmed = text.trim();
  const human = humanKind(trimmed);
  if (human !== undefined && (forced ?? 'human') === 'human') return decodeHuman(trimmed, human);
  const dense = trimmed.replace(/\s+/g, '');
  const hex = dense.replace(/^0x/i, '');
  if (forced === 'hex' || (forced === undefined && /^[0-9a-f]*$/i.test(hex))) return fromHex(hex);
  const bytes = forced === 'human' ? undefined : fromBase64(dense);
  if (bytes !== undefined) return { bytes, encoding: 'base64', human: undefined };
  const message = `the text is not ${forced === undefined ? FORMS : forced}`;
  if (/^mo(sec|crypt)/i.test(trimmed)) return { message };
  return { message, excerpt: { text: trimmed, range: { start: 0, end: trimmed.length } } };
}

function fromHex(text: string): Decoded | Undecodable {
  try {
    return { bytes: hexDecode(text), encoding: 'hex', human: undefined };
  } catch (error) {
    if (!isMosaicError(error) || error.range === undefined) throw error;
    return { message: error.message, excerpt: { text, range: error.range } };
  }
}

function fromBase64(text: string): Uint8Array | undefined {
  const bare = text.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '');
  return bare === '' ? undefined : base64Decode(bare.padEnd(Math.ceil(bare.length / 4) * 4, '='));
}

function decodeHuman(text: string, human: HumanKind): Decoded | Undecodable {
  const prefix = HUMAN_PREFIX[human];
  const body = text.slice(prefix.length);
  try {
    return { bytes: zbase32Decode(body), encoding: 'human', human };
  } catch (error) {
    if (!isMosaicError(error)) throw error;
    const message = `${prefix}…: ${error.message}`;
    const isSecret = human === 'secretKey' || human === 'encryptedSecretKey';
    if (isSecret || error.range === undefined) return { message };
    const { start, end } = error.range;
    const range = { start: start + prefix.length, end: end + prefix.length };
    return { message, excerpt: { text, range } };
  }
}
