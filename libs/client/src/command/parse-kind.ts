/**
 * Kinds on the command line: a registered name, hex, or the parts of one.
 */
import {
  type Audience,
  decodeKind,
  type DuplicateHandling,
  encodeKind,
  hexDecode,
  type Kind,
  KNOWN_KINDS,
} from '@mosaic-cluster/protocol';
import { blaming, usageError } from './exit-code.ts';

/** The forms of a kind, for help texts. */
export const KIND_HELP: string = `
Kinds are written as
  a name        ${Object.keys(KNOWN_KINDS).slice(0, 3).join(', ')},
                ${Object.keys(KNOWN_KINDS).slice(3).join(', ')}
  16 hex digits 000000010001001c
  parts         APPLICATION:KIND:FLAGS, such as 99:1:unique,everybody,printable or 99:1:0x1c
                flags: unique|ephemeral|replaceable|versioned,
                       author-only|author-and-tagged|everybody, printable`;

const REMEDY = `Give a name (${Object.keys(KNOWN_KINDS).join(', ')}), 16 hex digits, or parts such as 99:1:unique,everybody,printable.`;

const DUPLICATE_HANDLING: readonly string[] = ['unique', 'ephemeral', 'replaceable', 'versioned'];
const AUDIENCE: readonly string[] = ['author-only', 'author-and-tagged', 'everybody'];

/** Reads a kind. @throws MosaicError `invalid` with code `usage` */
export function parseKind(option: string, text: string): Kind {
  if (Object.hasOwn(KNOWN_KINDS, text)) return KNOWN_KINDS[text as keyof typeof KNOWN_KINDS];
  if (text.includes(':')) return parseParts(option, text);
  if (!/^[0-9a-f]{16}$/i.test(text)) {
    throw usageError(option, `"${text}" is no kind that I know`, REMEDY);
  }
  return blaming(option, REMEDY, () => {
    const kind = hexDecode(text);
    decodeKind(kind);
    return kind;
  });
}

function parseParts(option: string, text: string): Kind {
  const [application = '', kind = '', flags = '', ...rest] = text.split(':');
  if (!/^\d{1,10}$/.test(application) || !/^\d{1,5}$/.test(kind) || rest.length > 0) {
    throw usageError(option, `"${text}" is not APPLICATION:KIND:FLAGS`, REMEDY);
  }
  const numbers = { applicationId: Number(application), applicationKind: Number(kind) };
  if (/^0x[0-9a-f]{1,4}$/i.test(flags)) return fromBits(option, numbers, Number(flags));
  let duplicateHandling: DuplicateHandling | undefined;
  let audience: Audience | undefined;
  let printable = false;
  for (const word of flags.split(',')) {
    if (DUPLICATE_HANDLING.includes(word)) duplicateHandling = word as DuplicateHandling;
    else if (AUDIENCE.includes(word)) audience = word as Audience;
    else if (word === 'printable') printable = true;
    else throw usageError(option, `"${word}" is no flag of a kind`, REMEDY);
  }
  if (duplicateHandling === undefined) {
    const words = DUPLICATE_HANDLING.join(', ');
    throw usageError(option, 'how duplicates are handled is missing', `Add one of ${words}.`);
  }
  if (audience === undefined) {
    throw usageError(option, 'the audience is missing', `Add one of ${AUDIENCE.join(', ')}.`);
  }
  const fields = { ...numbers, duplicateHandling, audience, printable };
  return blaming(option, REMEDY, () => encodeKind(fields));
}

function fromBits(
  option: string,
  numbers: { applicationId: number; applicationKind: number },
  bits: number,
): Kind {
  return blaming(option, REMEDY, () => {
    const kind = encodeKind({
      ...numbers,
      duplicateHandling: 'unique',
      audience: 'author-only',
      printable: false,
    });
    kind[6] = bits >> 8;
    kind[7] = bits & 0xff;
    decodeKind(kind);
    return kind;
  });
}
