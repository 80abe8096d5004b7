/** Ranges of addresses as operators write them: `10.0.0.0/8, 2001:db8::/32, 192.0.2.7`. */
import { BlockList } from 'node:net';
import { formatAddressRange, parseAddressRange } from '@mosaic-cluster/abuse';

/** A set of addresses. */
export class AddressRanges {
  readonly #list = new BlockList();

  /**
   * @param texts addresses, each alone or with the length of a prefix
   * @throws MosaicError `invalid` with code `address-range`, naming the text that is none
   */
  constructor(texts: readonly string[]) {
    for (const text of texts) {
      const range = parseAddressRange(text);
      const [address = ''] = formatAddressRange(range).split('/', 1);
      this.#list.addSubnet(address, range.prefixBits, familyOf(address));
    }
  }

  /** @param address as `normalizeAddress` writes it */
  contains(address: string): boolean {
    return this.#list.check(address, familyOf(address));
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
