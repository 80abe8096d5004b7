/** Protects the subjects: publisher and listener must meet, from one release to the next. */
import { encodeTags, parseTags } from '@mosaic-cluster/protocol';
import { describe, expect, it } from 'vitest';
import {
  interestSubjects,
  murmur3,
  readerSubject,
  recordSubject,
  subjectsOf,
  tagSubjects,
} from './live-subjects.ts';
import { fakeKey, fakeRecord, KIND, notifyTag } from './testing/fake-record.ts';

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

  it('are as documented', () => {
    expect(recordSubject(outbox, record)).toBe(
      'mosaic.v1.live.outbox.r.AQAAAAEBAQEBAQEBAQEB.AgAAAAICAgICAgICAgIC.AAAAYwABAAw',
    );
    expect(readerSubject(outbox, fakeKey(1))).toBe('mosaic.v1.live.outbox.p.AQAAAAEBAQEBAQEBAQEB');
    const [tag] = parseTags(encodeTags([notifyTag(fakeKey(3))]));
    const [subject] = interestSubjects(subjects, { tag: tag?.bytes ?? new Uint8Array(0) });
    expect(subject).toBe(`mosaic.v1.live.*.t.${TAG_3}`);
    expect(tagSubjects(outbox, record, 32)).toEqual([
      `${outbox}.t.${TAG_3}`,
      expect.stringMatching(/\.t\.[0-9a-f]{16}$/),
    ]);
    expect(subjects.request('inbox', 'query')).toBe('mosaic.v1.inbox.query');
    expect([subjects.beat, subjects.sync]).toEqual(['mosaic.v1.beat', 'mosaic.v1.sync']);
  });

  it('of an interest leave open what it does not say', () => {
    expect(interestSubjects(subjects, {})).toEqual(['mosaic.v1.live.*.r.*.*.*']);
    expect(interestSubjects(subjects, { kind: KIND.everybody })).toEqual([
      'mosaic.v1.live.*.r.*.*.AAAAYwABAAw',
    ]);
  });

  it('of too many tags are none', () => {
    expect(tagSubjects(outbox, record, 1)).toBeUndefined();
  });
});
