/** What a registry on Redis remembers of its changes: what is told, and when nothing is known. */
import { describe, expect, it } from 'vitest';
import { FactBlock, factName } from './fact-block.ts';
import { type ChangedKeys, changesBetween, journalBody } from './registry-redis-journal.ts';

function block(...names: readonly (readonly [collection: string, key: number])[]): FactBlock {
  const facts = names.map(([collection, key]) => ({
    name: factName(collection, Uint8Array.of(key >> 8, key & 255)),
    version: new Uint8Array(10),
    value: new Uint8Array(1),
  }));
  facts.sort((a, b) => Buffer.compare(a.name, b.name));
  return FactBlock.of(facts);
}

function entry(before: string, after: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${before}\n${after}\n${body.length}\n`), body]);
}

function told(changes: ChangedKeys | undefined): unknown {
  return changes && Object.fromEntries(changes);
}

const BAN = block(['bans', 1]);
const JOURNAL = Buffer.concat([
  entry('c', 'd', journalBody(block(['users', 10], ['bans', 13]))),
  entry('b', 'c', journalBody(block())),
  entry('a', 'b', journalBody(BAN)),
]);

describe('the journal of a registry', () => {
  it('tells what changed between two versions', () => {
    expect(told(changesBetween(JOURNAL, 'c', 'd'))).toEqual({
      bans: [Uint8Array.of(0, 13)],
      users: [Uint8Array.of(0, 10)],
    });
    expect(told(changesBetween(JOURNAL, 'a', 'd'))).toEqual({
      bans: [Uint8Array.of(0, 13), Uint8Array.of(0, 1)],
      users: [Uint8Array.of(0, 10)],
    });
    expect(told(changesBetween(JOURNAL, 'b', 'c'))).toEqual({});
    // What came after it is not asked for.
    expect(told(changesBetween(JOURNAL, 'a', 'b'))).toEqual({ bans: [Uint8Array.of(0, 1)] });
  });

  it('knows nothing where it does not reach, was cut off, or somebody wrote no entry', () => {
    expect(changesBetween(JOURNAL, 'z', 'd')).toBeUndefined();
    expect(changesBetween(JOURNAL, 'a', 'z')).toBeUndefined();
    expect(changesBetween(Buffer.alloc(0), 'a', 'b')).toBeUndefined();
    for (let length = 0; length < JOURNAL.length; length++) {
      expect(changesBetween(JOURNAL.subarray(0, length), 'a', 'd')).toBeUndefined();
    }
    const gap = Buffer.concat([entry('x', 'y', journalBody(BAN)), JOURNAL]);
    expect(changesBetween(gap, 'd', 'y')).toBeUndefined();
    expect(changesBetween(entry('a', 'b', Buffer.from('?')), 'a', 'b')).toBeUndefined();
  });

  it('names collections where many facts change, and nothing where many collections do', () => {
    const many = Array.from({ length: 300 }, (_, n) => ['bans', n] as const);
    const body = journalBody(block(...many, ['users', 1]));
    expect(body.length).toBeLessThan(100);
    expect(told(changesBetween(entry('a', 'b', body), 'a', 'b'))).toEqual({
      bans: 'many',
      users: 'many',
    });
    const wide = Array.from({ length: 300 }, (_, n) => [`c${n}`, 1] as const);
    expect(changesBetween(entry('a', 'b', journalBody(block(...wide))), 'a', 'b')).toBeUndefined();
  });
});
