/**
 * The small languages of the options: kinds, tags, keys.
 */
import { decodeKind, encodeTag, hexEncode, KNOWN_KINDS } from '@mosaic-cluster/protocol';
import { describe, expect, test } from 'vitest';
import { goldenCases } from '../../test/golden-cases.ts';
import { parseIdPrefix, parsePublicKey } from './parse-key.ts';
import { parseKind } from './parse-kind.ts';
import { parseTag } from './parse-tag.ts';

const KEY = 'mopub08pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo';
const KEY_HEX = '3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29';
const ID = goldenCases('keys').find((one) => one.ref_kind === 'id');
const ADDRESS = goldenCases('keys').find((one) => one.ref_kind === 'address');

describe('kinds', () => {
  test('are read by name, as hex and in parts', () => {
    expect(parseKind('--kind', 'profile')).toEqual(KNOWN_KINDS.profile);
    expect(hexEncode(parseKind('--kind', '000000010001001C'))).toBe('000000010001001c');
    expect(hexEncode(parseKind('--kind', '99:258:0x1d'))).toBe('000000630102001d');
    const parts = parseKind('--kind', '99:1:replaceable,author-and-tagged,printable');
    expect(decodeKind(parts)).toEqual({
      applicationId: 99,
      applicationKind: 1,
      duplicateHandling: 'replaceable',
      audience: 'author-and-tagged',
      printable: true,
    });
  });

  test.each([
    ['nope', /"nope" is no kind/],
    ['0000000100010020', /reserved flag bits/],
    ['0000000100010008', /reserved audience/],
    ['99:1:0x0108', /reserved flag bits/],
    ['99:1:unique', /audience is missing/],
    ['99:1:everybody', /duplicates are handled is missing/],
    ['99:1:unique,nobody', /"nobody" is no flag/],
    ['99:70000:unique,everybody', /u16/],
    ['99:1:unique,everybody:2', /not APPLICATION:KIND:FLAGS/],
    ['constructor', /no kind/],
  ])('%s is refused', (text, problem) => {
    expect(() => parseKind('--kind', text)).toThrow(problem);
  });
});

describe('tags', () => {
  const tag = (text: string): string => hexEncode(encodeTag(parseTag('--tag', text)));

  test('are read by name', () => {
    expect(tag(`notify=${KEY}`)).toBe(`2800010000000000${KEY_HEX}`);
    expect(tag(`subkey=${KEY_HEX}`)).toBe(`2800100000000000${KEY_HEX}`);
    expect(tag(`user-mention@258=${KEY}`)).toBe(`2800200002010000${KEY_HEX}`);
    expect(tag('url@1=https://a.b/?c=d')).toMatch(/^1800240001000000/);
    expect(tag(`nostr-sister=${KEY_HEX}`)).toBe(`2800080000000000${KEY_HEX}`);
    const reference = `000000010003001c${ADDRESS?.bytes}`;
    expect(tag(`reply=${ADDRESS?.moref0}`)).toBe(`4000020000000000${reference}`);
    expect(tag(`root=microblog-root,${ID?.moref0}`)).toBe(
      `4000030000000000000000010001001c${ID?.bytes}`,
    );
    expect(tag(`quote@5=99:1:unique,everybody,${ID?.moref0}`)).toBe(
      `4000220005000000000000630001000c${ID?.bytes}`,
    );
  });

  test('are read by type', () => {
    expect(tag('0x1234:00ff')).toBe('0600341200ff');
    expect(tag('7:')).toBe('04000700');
  });

  test.each([
    ['nothing', /no tag that I can read/],
    ['friend=x', /no tag of that name/],
    [`notify@3=${KEY}`, /has no offset/],
    ['notify=mosec0yyyy', /that is a secret key/],
    ['notify=00', /32 bytes/],
    [`reply=${ID?.moref0}`, /kind of the record referred to is missing/],
    ['url=no url', /is no URL/],
    ['70000:00', /no tag that I can read/],
    ['1:0g', /no hex digit/],
    [`url@99999999999=https://a.b`, /no tag/],
    [`url@4294967296=https://a.b`, /no u32/],
  ])('%s is refused', (text, problem) => {
    expect(() => parseTag('--tag', text)).toThrow(problem);
  });
});

describe('keys and IDs', () => {
  test('are read in every form', () => {
    expect(hexEncode(parsePublicKey('--author', KEY))).toBe(KEY_HEX);
    expect(hexEncode(parsePublicKey('--author', KEY.replace('mopub', 'mosrv')))).toBe(KEY_HEX);
    const prefix = ID?.bytes?.slice(0, 64) ?? '';
    expect(hexEncode(parseIdPrefix('--exclude', ID?.moref0 ?? ''))).toBe(prefix);
    expect(hexEncode(parseIdPrefix('--exclude', prefix))).toBe(prefix);
  });

  test('are refused where they are something else', () => {
    expect(() => parsePublicKey('--author', '01'.padEnd(64, '0'))).toThrow(/small order/);
    expect(() => parseIdPrefix('--exclude', ADDRESS?.moref0 ?? '')).toThrow(/an address/);
    expect(() => parseIdPrefix('--exclude', '00')).toThrow(/48 bytes/);
  });

  test('a secret key given by mistake is not repeated', () => {
    const secret = `mosec0${'y'.repeat(52)}`;
    let message = '';
    try {
      parsePublicKey('--author', secret);
    } catch (error) {
      message = String(error);
    }
    expect(message).toContain('--author: that is a secret key');
    expect(message).not.toContain('yyyy');
  });
});
