/** Fuzzes what people type: human encodings, hex, base64, server URLs, handshake headers. */
import { base64Decode, base64Encode, hexDecode, hexEncode } from '../bytes.ts';
import { isMosaicError } from '../error.ts';
import { formatHello2025, parseExtensions, parseHello2025 } from '../handshake.ts';
import {
  decodeHuman,
  decodeRecord,
  decodeServerKey,
  decodeUserKey,
  encodeHuman,
  HUMAN_PREFIX,
  type HumanKind,
  humanKind,
  zbase32Decode,
  zbase32Encode,
} from '../human.ts';
import { formatServerUrl, parseServerUrl } from '../server-url.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';
import { type FuzzTarget, require } from './target.ts';

const KINDS = Object.keys(HUMAN_PREFIX) as HumanKind[];

const OTHER_TEXTS: readonly Uint8Array[] = [
  'mosaicwss://example.com/',
  'mosaicwss://[2001:db8::1]:8443/',
  'mosaicwss://127.0.0.1:65535/',
  'aGVsbG8gd29ybGQ=',
  '00ff10Ab',
  'one;two; three;-',
].map((text) => new TextEncoder().encode(text));

/** One character a byte: every input is a text, beyond ASCII as well. */
function textOf(input: Uint8Array): string {
  let text = '';
  for (const byte of input) text += String.fromCharCode(byte);
  return text;
}

/** The parser's result; undefined where it refuses. */
function accepted<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (isMosaicError(error)) return undefined;
    throw error;
  }
}

function checkHuman(text: string): boolean {
  const kind = humanKind(text);
  const fits = KINDS.filter((other) => accepted(() => decodeHuman(other, text)) !== undefined);
  require(fits.every((other) => other === kind), 'decoded as something that it is not');
  if (kind === undefined || fits.length === 0) return false;
  const bytes = decodeHuman(kind, text);
  const encoded = encodeHuman(kind, bytes);
  require(encoded.slice(0, -1) === text.slice(0, -1), 'another text');
  require(encoded.length === text.length, 'another length');
  require(hexEncode(decodeHuman(kind, encoded)) === hexEncode(bytes), 'other bytes');
  if (kind === 'userKey') decodeUserKey(text);
  if (kind === 'serverKey') decodeServerKey(text);
  if (kind === 'record') decodeRecord(text);
  return true;
}

function checkOthers(text: string): boolean {
  const raw = accepted(() => zbase32Decode(text));
  if (raw !== undefined) require(zbase32Encode(raw).length === text.length, 'other zbase32');
  const hex = accepted(() => hexDecode(text));
  if (hex !== undefined) require(hexEncode(hex) === text.toLowerCase(), 'other hex');
  const base64 = base64Decode(text);
  if (base64 !== undefined) require(base64Encode(base64) === text, 'other base64');
  const address = accepted(() => parseServerUrl(text));
  if (address !== undefined) {
    const again = parseServerUrl(formatServerUrl(address));
    require(again.host === address.host && again.port === address.port, 'another address');
  }
  parseExtensions(text);
  const hello = accepted(() => parseHello2025(() => text));
  if (hello !== undefined) {
    const headers = formatHello2025(hello);
    parseHello2025((name) => headers[name]);
  }
  return [raw, hex, base64, address, hello].some((value) => value !== undefined);
}

/** The target for texts. */
export function textTarget(seeds: readonly Uint8Array[]): FuzzTarget {
  const all = [...seeds, ...OTHER_TEXTS];
  return {
    name: 'human-encoding',
    generate(random: Random) {
      const seed = random.oneIn(8) ? random.pick(OTHER_TEXTS) : random.pick(seeds);
      if (!random.oneIn(3)) return mutate(seed, random, all);
      // Exchange characters for others of the alphabet: the length stays, the bytes change.
      const text = seed.slice();
      for (let i = 1 + random.below(4); i > 0; i--) {
        text[random.below(text.length)] = seed[random.below(seed.length)]!;
      }
      return text;
    },
    run(input) {
      const text = textOf(input);
      const isOther = checkOthers(text);
      return checkHuman(text) || isOther;
    },
  };
}
