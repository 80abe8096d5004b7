/** Whom a ban is about, on the command line: a range of addresses, or a key. */
import {
  type AddressRange,
  type BanSubject,
  isKeySubject,
  parseAddressRange,
} from '@mosaic-cluster/abuse';
import { blaming, parsePublicKey, usageError } from '@mosaic-cluster/client/command';

const REMEDY =
  'Give a range of addresses (203.0.113.7, 203.0.113.0/24, 2001:db8::/32) or a key (mopub0…, 64 hex digits).';

/** Reads one. @throws MosaicError `invalid` (`usage`) */
export function parseSubject(option: string, text: string): BanSubject {
  // As URLs and many logs write an IPv6 address.
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  const isAddress = /[.:/]/.test(bare);
  return isAddress
    ? blaming(option, REMEDY, () => parseAddressRange(bare))
    : parsePublicKey(option, bare);
}

/** Ranges with fewer bits than these take in large parts of the network. */
const PREFIX_BITS_MIN = { ipv4: 8, ipv6: 16 } as const;

/**
 * Asks once more about ranges that are so large that they may be a slip.
 *
 * @throws MosaicError `invalid` (`usage`)
 */
export function assertMeant(shown: string, subject: BanSubject, isMeant: boolean): void {
  if (isMeant || isKeySubject(subject) || !isHuge(subject)) return;
  const remedy = 'Add --yes if that is meant.';
  throw usageError(shown, 'that is a large part of all addresses there are', remedy);
}

function isHuge({ bytes, prefixBits }: AddressRange): boolean {
  return prefixBits < (bytes.length === 4 ? PREFIX_BITS_MIN.ipv4 : PREFIX_BITS_MIN.ipv6);
}
