/** Protects that the records are worth measuring with: valid, varied, and the same for everybody. */
import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { interpretTag, parseRecord, recordFaultOf } from '@mosaic-cluster/protocol';
import { nativeSigningTools } from '@mosaic-cluster/verifier';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHUNK_RECORDS, RecordCache } from './record-cache.ts';
import { AUTHORS, RecordPlan, TOPIC_TAG_TYPE } from './record-plan.ts';
import { RecordCursor } from './record-range.ts';
import { StoreIds } from './store-ids.ts';

const tools = await nativeSigningTools();
const plan = new RecordPlan(1, tools);

describe('RecordPlan', () => {
  it('makes records that the exact checks accept', () => {
    for (const index of [0, 1, 2, 49_999, 99_999_999]) {
      expect(recordFaultOf(plan.make(index))).toBeUndefined();
    }
    expect(recordFaultOf(plan.make(5, AUTHORS + 7))).toBeUndefined();
  });

  it('makes the same record again, and another one for another seed', () => {
    const again = new RecordPlan(1, tools);
    expect(again.make(17).bytes).toEqual(plan.make(17).bytes);
    expect(new RecordPlan(2, tools).make(17).bytes).not.toEqual(plan.make(17).bytes);
  });

  it('signs with the key of the author that was asked for', () => {
    expect(plan.make(3).author).toEqual(plan.publicKeyOf(plan.authorOf(3)));
    expect(plan.make(3, 600).author).toEqual(plan.publicKeyOf(600));
    expect(plan.make(4).author).toEqual(plan.publicKeyOf(plan.authorOf(4)));
  });

  it('dates records one after the other, none in the future', () => {
    for (let index = 0; index < 2_000; index++) {
      expect(plan.timestampOf(index)).toBeLessThan(plan.timestampOf(index + 1));
    }
    expect(plan.make(100_000).timestamp).toBeLessThan(BigInt(Date.now()) * 1_000_000n);
  });

  it('makes records of some 600 bytes with a notification and a topic', () => {
    const records = Array.from({ length: 300 }, (_, i) => plan.make(i));
    const mean = records.reduce((sum, { bytes }) => sum + bytes.length, 0) / records.length;
    expect(mean).toBeGreaterThan(570);
    expect(mean).toBeLessThan(630);
    for (const [i, record] of records.entries()) {
      const tags = [...record.tags()];
      expect(tags.map((tag) => interpretTag(tag)?.name)).toEqual(['notify', undefined]);
      const topic = tags.at(1);
      expect(topic?.type).toBe(TOPIC_TAG_TYPE);
      expect(topic?.value).toEqual(new Uint8Array(plan.topicTag(plan.topicOf(i)).value));
    }
  });

  it('spreads records over all authors and topics', () => {
    const authors = new Map<number, number>();
    const topics = new Set<number>();
    for (let index = 0; index < 50_000; index++) {
      const author = plan.authorOf(index);
      authors.set(author, (authors.get(author) ?? 0) + 1);
      topics.add(plan.topicOf(index));
    }
    expect(authors.size).toBe(AUTHORS);
    expect(topics.size).toBe(500);
    expect(Math.min(...authors.values())).toBeGreaterThan(50);
    expect(Math.max(...authors.values())).toBeLessThan(160);
  });
});

describe('RecordCache', () => {
  const folder = mkdtempSync(join(tmpdir(), 'loadtest-cache-'));
  const cache = new RecordCache(folder, 1);

  beforeAll(() => {
    for (const chunk of [0, 1]) cache.make(chunk, plan);
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('names the files that a range needs', () => {
    expect(RecordCache.chunksOf({ first: 0, count: 0 })).toEqual([]);
    expect(RecordCache.chunksOf({ first: 0, count: CHUNK_RECORDS })).toEqual([0]);
    expect(RecordCache.chunksOf({ first: CHUNK_RECORDS - 1, count: 2 })).toEqual([0, 1]);
    expect([cache.has(0), cache.has(1), cache.has(2)]).toEqual([true, true, false]);
  });

  it('gives back what was signed, across files', () => {
    const first = CHUNK_RECORDS - 2;
    const records = [...cache.read({ first, count: 4 })];
    expect(records).toHaveLength(4);
    for (const [i, bytes] of records.entries()) {
      expect(parseRecord(bytes).bytes).toEqual(Buffer.from(plan.make(first + i).bytes));
    }
  });

  it('knows the IDs of a store', () => {
    const ids = new StoreIds({ first: 10, count: 20 }, cache);
    const record = Buffer.from(plan.make(12).bytes);
    expect(ids.id(12).equals(record.subarray(0, 48))).toBe(true);
    expect(Math.sign(ids.compare(11, record, 0))).toBe(1);
    expect(Math.sign(ids.compare(12, record, 0))).toBe(0);
    expect(Math.sign(ids.compare(13, record, 0))).toBe(-1);
  });

  it('says when a file is missing or damaged', () => {
    expect(() => [...cache.read({ first: 2 * CHUNK_RECORDS, count: 1 })]).toThrow('cannot be read');
    const file = readdirSync(folder).sort().at(1)!;
    truncateSync(join(folder, file), 100_000);
    expect(() => [...cache.read({ first: CHUNK_RECORDS, count: 1 })]).toThrow('does not hold 5000');
  });
});

describe('RecordCursor', () => {
  it('hands out every record once, and no more than there are', () => {
    const cursor = new RecordCursor(99_999_990);
    expect(cursor.take(4)).toEqual({ first: 99_999_990, count: 4 });
    expect(cursor.take(6)).toEqual({ first: 99_999_994, count: 6 });
    expect(() => cursor.take(1)).toThrow('no more records');
  });
});
