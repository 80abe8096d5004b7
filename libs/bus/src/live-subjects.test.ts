/** Protects the subjects: publisher and listener must meet, from one release to the next. */
import { encodeTags, type RecordView } from '@mosaic-cluster/protocol';
import { describe, expect, it } from 'vitest';
import {
  interestSubjects,
  murmur3,
  readerSubject,
  recordSubjects,
  subjectsOf,
} from './live-subjects.ts';
import { fakeKey, fakeRecord, KIND, notifyTag } from '@mosaic-cluster/protocol/testing';

const subjects = subjectsOf('mosaic');
const outbox = subjects.live('outbox');
/** Of a Notify tag for the key 3. */
const TAG_3 = '654d5467d0c8fabd';

describe('murmur3', () => {
  it.each([
    ['', 0, 0],
    ['', 1, 0x514e_28b7],
    ['hello', 0, 0x248b_fa47],
    ['hello, world', 0, 0x149b_bb7f],
    ['The quick brown fox jumps over the lazy dog', 0, 0x2e4f_f723],
  ])('of "%s" with seed %i is the published value', (text, seed, expected) => {
    const bytes = Buffer.from(`x${text}y`);
    expect(murmur3(bytes, 1, bytes.length - 1, seed)).toBe(expected);
  });
});

describe('subjects', () => {
  const record = fakeRecord({
    author: fakeKey(1),
    signingKey: fakeKey(2),
    tags: [notifyTag(fakeKey(3)), notifyTag(fakeKey(4)), notifyTag(fakeKey(3))],
  });

  const bounds = { tagsMax: 32, copyBytesMax: 10_000 };
  const own = `${outbox}.r.AQAAAAEBAQEBAQEBAQEB.AgAAAAICAgICAgICAgIC.AAAAYwABAAw`;
  const tagged = (count: number): RecordView => {
    const tags = Array.from({ length: count }, (_, number) => notifyTag(fakeKey(number)));
    return fakeRecord({ author: fakeKey(1), signingKey: fakeKey(2), tags });
  };

  it('are as documented', () => {
    expect(outbox).toBe('mosaic.v1.live.outbox');
    const [subject, ...more] = recordSubjects(outbox, record, 600, bounds);
    expect(subject).toMatch(/\.[0-9a-f]{16}\.[0-9a-f]{16}\.-\.-$/);
    expect(subject?.slice(0, own.length + 17)).toBe(`${own}.${TAG_3}`);
    expect(more).toEqual([]);
    expect(readerSubject(outbox, fakeKey(1))).toBe('mosaic.v1.live.outbox.p.AQAAAAEBAQEBAQEBAQEB');
    expect(interestSubjects(subjects, { tag: encodeTags([notifyTag(fakeKey(3))]) })).toEqual([
      'mosaic.v1.live.*.m',
      `mosaic.v1.live.*.r.*.*.*.${TAG_3}.*.*.*`,
      `mosaic.v1.live.*.r.*.*.*.*.${TAG_3}.*.*`,
      `mosaic.v1.live.*.r.*.*.*.*.*.${TAG_3}.*`,
      `mosaic.v1.live.*.r.*.*.*.*.*.*.${TAG_3}`,
    ]);
    expect(subjects.request('inbox', 'query')).toBe('mosaic.v1.inbox.query');
    expect([subjects.beat, subjects.sync]).toEqual(['mosaic.v1.beat', 'mosaic.v1.sync']);
  });

  it('of an interest leave open what it does not say', () => {
    expect(interestSubjects(subjects, {})).toEqual(['mosaic.v1.live.*.r.*.*.*.*.*.*.*']);
    expect(interestSubjects(subjects, { kind: KIND.everybody })).toEqual([
      'mosaic.v1.live.*.r.*.*.AAAAYwABAAw.*.*.*.*',
    ]);
  });

  it.each([
    [0, 600, 1, false],
    [4, 600, 1, false],
    [5, 600, 2, false],
    [32, 600, 8, false],
    [33, 600, 2, true],
    [8, 20_000, 2, false],
    [9, 20_000, 2, true],
  ])('of %i tags and %i bytes are %i', (tags, bytes, count, isMany) => {
    const found = recordSubjects(outbox, tagged(tags), bytes, bounds);
    expect(found).toHaveLength(count);
    expect(found.includes(`${outbox}.m`)).toBe(isMany);
    const tokens = found.flatMap((subject) => subject.match(/\.[0-9a-f]{16}/g) ?? []);
    expect(new Set(tokens).size).toBe(isMany ? 0 : tags);
  });
});
