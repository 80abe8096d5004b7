/**
 * Sets of kinds as operators write them: `profile|microblog-root|99|7:12`, or what is not to be in one,
 * `!blog-post|!99`.
 */
import { KNOWN_KINDS, type KnownKindName, readU32BE } from '@mosaic-cluster/protocol';

/** Kinds that are accepted. */
export interface KindSet {
  /** @param kind 8 bytes */
  has(kind: Uint8Array): boolean;
}

const APPLICATION_MAX = 0xffff_ffff;
const NUMBER_MAX = 0xffff;
/** A kind's number within its application fits below. */
const NUMBERS = 0x1_0000;

/**
 * Reads a set.
 *
 * @returns a string that says what is wrong
 */
export function parseKindSet(text: string): KindSet | string {
  const [wanted, unwanted] = [new Set<string | number>(), new Set<string | number>()];
  for (const word of text.split('|')) {
    const isUnwanted = word.startsWith('!');
    const kind = parseKindWord(isUnwanted ? word.slice(1) : word);
    if (kind === undefined) {
      const names = Object.keys(KNOWN_KINDS).join(', ');
      return `"${word}" is no kind: say one of ${names}, an application such as 99, or a kind of it such as 99:1, each with ! before it to refuse it`;
    }
    (isUnwanted ? unwanted : wanted).add(kind);
  }
  return {
    has: (kind) => {
      const [application, number] = namesOf(kind);
      if (unwanted.has(application) || unwanted.has(number)) return false;
      // Without key schedules nobody would know whose the other records are.
      if (wanted.size === 0 || number === KEY_SCHEDULE) return true;
      return wanted.has(application) || wanted.has(number);
    },
  };
}

/** An application is a string, a kind of one a number, whatever its flags. */
function namesOf(kind: Uint8Array): [application: string, number: number] {
  const application = readU32BE(kind, 0);
  return [String(application), application * NUMBERS + (kind[4]! << 8) + kind[5]!];
}

const KEY_SCHEDULE = namesOf(KNOWN_KINDS['key-schedule'])[1];

function parseKindWord(word: string): string | number | undefined {
  if (Object.hasOwn(KNOWN_KINDS, word)) return namesOf(KNOWN_KINDS[word as KnownKindName])[1];
  const match = /^(\d{1,10})(?::(\d{1,5}))?$/.exec(word);
  if (match === null) return undefined;
  const application = Number(match[1]);
  const number = match[2] === undefined ? undefined : Number(match[2]);
  if (application > APPLICATION_MAX || (number ?? 0) > NUMBER_MAX) return undefined;
  return number === undefined ? String(application) : application * NUMBERS + number;
}
