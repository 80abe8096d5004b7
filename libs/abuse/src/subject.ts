/** Whom budgets, penalties and bans are about. */
import { hexEncode, type PublicKey } from '@mosaic-cluster/protocol';
import { addressGroup, addressNetwork } from './address.ts';

/**
 * The name of a subject, as it is kept and shown:
 *
 *     a:203.0.113.7            an IPv4 address
 *     a:2001:db8:0:1::/64      an IPv6 network of 64 bits: whoever has one address of it has all
 *     n:2001:db8::/48          an IPv6 network of 48 bits: what one customer of a provider may have
 *     k:<64 hex digits>        a key that a connection proved
 *     u:<64 hex digits>        an author
 */
export type SubjectName = string;

/**
 * How well somebody is known, the better the later: nobody; somebody who proved a key; one whose key
 * is in use by a key schedule held here; one who is a registered user.
 */
export const STANDINGS = ['anonymous', 'authenticated', 'attested', 'registered'] as const;
/** One of {@link STANDINGS}. */
export type Standing = (typeof STANDINGS)[number];

/**
 * The subjects of an address, the narrower first: itself, and for IPv6 the network around it.
 *
 * @param address as `normalizeAddress` writes it
 */
export function addressSubjects(address: string): readonly SubjectName[] {
  const own = `a:${addressGroup(address)}`;
  const network = addressNetwork(address);
  return network === undefined ? [own] : [own, `n:${network}`];
}

/** The subject of a key that a connection proved. */
export function keySubject(key: PublicKey): SubjectName {
  return `k:${hexEncode(key)}`;
}

/** The subject of an author. */
export function authorSubject(author: PublicKey): SubjectName {
  return `u:${hexEncode(author)}`;
}
