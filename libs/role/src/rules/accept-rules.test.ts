/** Accept rules: how operators write them, and what breaks them. */
import * as fc from 'fast-check';
import { buildRecord, encodeKind, KNOWN_KINDS } from '@mosaic-cluster/protocol';
import { describe, expect, it } from 'vitest';
import { kind, moment, person, record } from '../../testing/people.ts';
import { brokenRule } from './accept-rules.ts';
import { parseKindSet } from './kind-set.ts';
import { parseAcceptRules } from './parse-accept-rules.ts';

const ALICE = person(0);

describe('accept rules', () => {
  it('hold for all roles or one, and may be better for registered authors', () => {
    const { outbox, inbox, encryption } = parseAcceptRules(
      'bytes=100KiB tags.registered=9,\n inbox.bytes=64KiB, inbox.bytes.registered=1MiB,inbox.age=30d',
    );
    expect(outbox).toEqual({
      everybody: { bytes: 102_400 },
      registered: { bytes: 102_400, tags: 9 },
    });
    expect(encryption).toEqual(outbox);
    const age = 30 * 86_400_000;
    expect(inbox).toEqual({
      everybody: { bytes: 65_536, age },
      registered: { bytes: 1_048_576, age, tags: 9 },
    });
    const nothing = parseAcceptRules('');
    expect(nothing.outbox).toEqual({ everybody: {}, registered: undefined });
  });

  it.each([
    ['size=5', /no rule "size": take one of kinds, bytes, tags, age, ahead, quota/],
    ['mailbox.bytes=5', /no rule "mailbox"/],
    ['bytes', /it is not \[outbox\|inbox\|encryption\.\]rule/],
    ['bytes=1=2', /it is not/],
    ['bytes.friends=1KiB', /it is not/],
    ['inbox.bytes.registered.x=1KiB', /it is not/],
    ['bytes=5 potatoes', /no rule "potatoes"/],
    ['quota=lots', /"lots" is no size: say 64KiB/],
    ['age=30', /"30" is no duration: say 15m/],
    ['tags=many', /say a number up to 99999/],
    ['kinds=blog|4294967296', /"blog" is no kind: say one of key-schedule, profile/],
    ['kinds=1:65536', /"1:65536" is no kind/],
    ['bytes=1KiB,bytes=2KiB', /"bytes=2KiB" is wrong: it is said twice/],
  ])('refuse %j and say why', (text, why) => {
    expect(() => parseAcceptRules(text)).toThrow(why);
    const error = expect.objectContaining({ kind: 'invalid', code: 'accept-rules' });
    expect(() => parseAcceptRules(text)).toThrow(error);
  });

  it('are broken by what is beyond them, and by nothing at them', () => {
    const now = moment(1_000_000_000_000);
    const one = record(ALICE, {
      timestamp: now - 5_000_000_000n,
      tags: [{ type: 9, value: new Uint8Array(1) }],
    });
    const { length } = one.bytes;
    expect(brokenRule(one, {}, now)).toBeUndefined();
    expect(brokenRule(one, { bytes: length, tags: 1, age: 5000, ahead: 0 }, now)).toBeUndefined();
    expect(brokenRule(one, { bytes: length - 1 }, now)).toBe('bytes');
    expect(brokenRule(one, { tags: 0 }, now)).toBe('tags');
    expect(brokenRule(one, { age: 4999 }, now)).toBe('age');
    expect(brokenRule(one, { ahead: 3000 }, now - 8_000_000_000n)).toBeUndefined();
    expect(brokenRule(one, { ahead: 2999 }, now - 8_000_000_000n)).toBe('ahead');
    expect(brokenRule(one, { kinds: { has: () => false } }, now)).toBe('kinds');
  });
});

function setOf(text: string): ReturnType<typeof parseKindSet> & object {
  const set = parseKindSet(text);
  if (typeof set === 'string') throw new Error(set);
  return set;
}

describe('sets of kinds', () => {
  it('name kinds, applications, and what is not in them', () => {
    const { profile, 'blog-post': blog, 'key-schedule': schedule } = KNOWN_KINDS;
    const example = kind();
    expect(setOf('profile|99').has(profile)).toBe(true);
    expect(setOf('profile|99').has(example)).toBe(true);
    expect(setOf('profile|99').has(blog)).toBe(false);
    expect(setOf('99|!99:1').has(example)).toBe(false);
    expect(setOf('!99').has(profile)).toBe(true);
    expect(setOf('!99').has(example)).toBe(false);
    expect(setOf('1|!blog-post').has(blog)).toBe(false);
    expect(setOf('1:3').has(blog)).toBe(true);
    expect(setOf('blog-post').has(schedule)).toBe(true);
    expect(setOf('!key-schedule').has(schedule)).toBe(false);
  });

  it('have a kind of an application whatever its flags, and no other', () => {
    const u16 = fc.integer({ min: 0, max: 0xffff });
    const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(
        u32,
        u16,
        u32,
        u16,
        fc.boolean(),
        (app, number, other, otherNumber, printable) => {
          const has = (applicationId: number, applicationKind: number): boolean =>
            setOf(`${app}:${number}|!7`).has(
              encodeKind({
                applicationId,
                applicationKind,
                duplicateHandling: 'unique',
                audience: 'everybody',
                printable,
              }),
            );
          fc.pre(app !== 7 && app !== 0);
          expect(has(app, number)).toBe(true);
          fc.pre(other !== 0);
          expect(has(other, otherNumber)).toBe(other === app && otherNumber === number);
        },
      ),
    );
  });

  it('are asked for the kind of a record as it is', () => {
    const built = buildRecord({
      kind: KNOWN_KINDS.profile,
      timestamp: 1n,
      secretKey: ALICE.secret,
    });
    expect(setOf('profile').has(built.kind)).toBe(true);
  });
});
