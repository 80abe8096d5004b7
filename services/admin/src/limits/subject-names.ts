/** How subjects of budgets are called on the command line and shown. */
import {
  addressSubjects,
  authorSubject,
  type BanSubject,
  formatAddressRange,
  formatBanSubject,
  isKeySubject,
  keySubject,
  normalizeAddress,
  parseAddressRange,
  type SubjectName,
} from '@mosaic-cluster/abuse';
import { usageError } from '@mosaic-cluster/client/command';
import { encodeUserKey, hexDecode } from '@mosaic-cluster/protocol';

const REMEDY = 'Give one address, an IPv6 network of 64 or 48 bits, or a key.';

/**
 * What budgets call somebody: a key as a connection's and as an author's, an address as itself and, for
 * IPv6, by the networks that it is in.
 *
 * @throws MosaicError `invalid` (`usage`) for other ranges, which have no budget
 */
export function subjectNames(subject: BanSubject): readonly SubjectName[] {
  if (isKeySubject(subject)) return [keySubject(subject), authorSubject(subject)];
  const shown = formatBanSubject(subject);
  const { bytes, prefixBits } = subject;
  const names = addressSubjects(normalizeAddress(shown.split('/', 1)[0]!));
  const isIPv6 = bytes.length === 16;
  if (prefixBits === bytes.length * 8 || (isIPv6 && prefixBits === 64)) return names;
  if (isIPv6 && prefixBits === 48) return names.slice(1);
  throw usageError(shown, 'budgets are not kept for such a range', REMEDY);
}

/** A subject as people read it. */
export function shownSubject(name: SubjectName): string {
  const [letter, text] = [name.charAt(0), name.slice(2)];
  if (letter === 'k') return encodeUserKey(hexDecode(text));
  if (letter === 'u') return `${encodeUserKey(hexDecode(text))} (as author)`;
  return formatAddressRange(parseAddressRange(text));
}
